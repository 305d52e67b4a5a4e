import * as tf from '@tensorflow/tfjs'
import type { Autoencoder } from '../models/autoencoder.ts'
import { autoencoderKl } from '../models/autoencoder-kl.ts'
import { type TinyAutoencoderConfig, tinyAutoencoder } from '../models/autoencoder-tiny.ts'
import { BUCKETS, msi, SCALES } from '../models/msi.ts'
import { unet } from '../models/unet.ts'
import {
  type Check,
  checkOver,
  compare,
  type GoldenFile,
  type GoldenInput,
  type GoldenTensor,
  imageInput,
  input,
  toNchw,
} from './golden.ts'

export interface AutoencoderGoldenConfig {
  in_channels: number
  z_channels: number
  ch: number
  ch_mult: number[]
  num_res_blocks: number
}

export const goldenAutoencoder = (config: AutoencoderGoldenConfig) =>
  autoencoderKl({
    imageChannels: config.in_channels,
    latentChannels: config.z_channels,
    channels: config.ch,
    channelMult: config.ch_mult,
    numResBlocks: config.num_res_blocks,
  })

export const checkAutoencoder = (golden: GoldenFile<AutoencoderGoldenConfig>): Promise<Check[]> =>
  check(golden, goldenAutoencoder(golden.config))

export const checkTinyAutoencoder = (golden: GoldenFile<TinyAutoencoderConfig>): Promise<Check[]> =>
  check(golden, tinyAutoencoder(golden.config))

/** Moments of the image, the decoded latent, and the gradient of sum(decoded * cotangent) with respect to the latent. */
async function check(golden: GoldenFile<unknown>, { encode, decode }: Autoencoder): Promise<Check[]> {
  const { inputs, outputs, gradients = {} } = golden
  const parameters = { ...encode.parameters, ...decode.parameters }
  return checkOver(parameters, golden.parameters, async weights => {
    const image = imageInput(inputs.image as GoldenInput)
    const z = imageInput(inputs.z as GoldenInput)
    const cotangent = imageInput(inputs.cotangent as GoldenInput)

    const moments = encode(weights, image)
    const { value, grad } = tf.valueAndGrad(z => decode(weights, z as tf.Tensor4D))(z, cotangent)
    const checks = [
      await compare('moments', toNchw(moments), outputs.moments),
      await compare('decoded', toNchw(value as tf.Tensor4D), outputs.decoded),
      await compare('d/dz', toNchw(grad as tf.Tensor4D), gradients.z),
    ]
    tf.dispose([image, z, cotangent, moments, value, grad])
    return checks
  })
}

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

export interface MsiGoldenConfig {
  dim: number
  feature_dim: number
  heads: number
  head_dim: number
}

export const goldenMsi = (config: MsiGoldenConfig) =>
  msi({
    dim: config.dim,
    featureDims: Array.from({ length: SCALES }, () => config.feature_dim),
    heads: config.heads,
    headDim: config.head_dim,
  })

export interface MsiGoldenFile extends GoldenFile<MsiGoldenConfig> {
  gradients_of_sum_over_buckets: Record<string, GoldenTensor | null>
}

/** All ten buckets, and the gradients of sum over buckets of sum(output * cotangent) for every parameter. */
export async function checkMsi(golden: MsiGoldenFile): Promise<Check[]> {
  const { inputs, outputs, gradients_of_sum_over_buckets: gradients } = golden
  const network = goldenMsi(golden.config)
  return checkOver(network.parameters, golden.parameters, async weights => {
    const checks: Check[] = []
    const range = (count: number) => Array.from({ length: count }, (_, i) => i)
    const features = range(SCALES).map(k => input<tf.Tensor3D>(inputs[`feature${k}`] as GoldenInput))
    const cotangents = range(BUCKETS).map(b => input<tf.Tensor2D>(inputs[`cotangent${b}`] as GoldenInput))

    for (const b of range(BUCKETS))
      checks.push(await compare(`bucket_${b}`, network(weights, features, b), outputs[`bucket_${b}`]))

    const names = Object.keys(weights)
    const grads = tf.grads((...tensors: tf.Tensor[]) => {
      const w = Object.fromEntries(names.map((name, i) => [name, tensors[i]!]))
      return tf.addN(range(BUCKETS).map(b => tf.sum(tf.mul(network(w, features, b), cotangents[b]!))))
    })(Object.values(weights))
    for (const [i, name] of names.entries()) {
      const expected = gradients[name]
      if (expected === undefined) throw new Error(`${golden.name}: no reference gradient for '${name}'`)
      checks.push(await compare(`d/d${name}`, grads[i]!, expected ?? zeros(golden.parameters[name]!)))
    }
    tf.dispose([features, cotangents])
    return checks
  })
}

/** What a null gradient stands for: none reaches the parameter. */
const zeros = (shape: number[]): GoldenTensor => ({ shape, values: Array(shape.reduce((a, b) => a * b, 1)).fill(0) })
