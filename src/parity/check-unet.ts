import * as tf from '@tensorflow/tfjs'
import { unet } from '../models/unet.ts'
import {
  type Check,
  checkOver,
  compare,
  type GoldenFile,
  type GoldenInput,
  imageInput,
  input,
  toNchw,
} from './golden.ts'

export interface UnetGoldenConfig {
  model_channels: number
  attention_resolutions: number[]
  num_res_blocks: number
  channel_mult: number[]
  num_heads: number
  context_dim: number
}

/** Stable Diffusion's UNet of the file's sizes. Its four latent channels are not in `config`. */
export const goldenUnet = (config: UnetGoldenConfig) =>
  unet({
    inChannels: 4,
    outChannels: 4,
    modelChannels: config.model_channels,
    channelMult: config.channel_mult,
    numResBlocks: config.num_res_blocks,
    attentionResolutions: config.attention_resolutions,
    numHeads: config.num_heads,
    contextDim: config.context_dim,
  })

/** Predicted noise, and the gradients of sum(eps * cotangent) with respect to the latent and the context. */
export async function checkUnet(golden: GoldenFile<UnetGoldenConfig>): Promise<Check[]> {
  const { inputs, outputs, gradients = {} } = golden
  const network = goldenUnet(golden.config)
  return checkOver(network.parameters, golden.parameters, async weights => {
    const z = imageInput(inputs.x as GoldenInput)
    const context = input<tf.Tensor3D>(inputs.context as GoldenInput)
    const cotangent = imageInput(inputs.cotangent as GoldenInput)
    const timesteps = tf.tensor1d(inputs.timesteps as number[])

    const {
      value,
      grads: [dz, dContext],
    } = tf.valueAndGrads((z, context) => network(weights, z as tf.Tensor4D, timesteps, context as tf.Tensor3D))(
      [z, context],
      cotangent,
    )
    const checks = [
      await compare('eps', toNchw(value as tf.Tensor4D), outputs.eps),
      await compare('d/dx', toNchw(dz as tf.Tensor4D), gradients.x),
      await compare('d/dcontext', dContext!, gradients.context),
    ]
    tf.dispose([value, dz!, z, context, cotangent, timesteps])
    return checks
  })
}
