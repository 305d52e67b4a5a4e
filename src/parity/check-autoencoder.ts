import * as tf from '@tensorflow/tfjs'
import type { Autoencoder } from '../models/autoencoder.ts'
import { autoencoderKl } from '../models/autoencoder-kl.ts'
import { type TinyAutoencoderConfig, tinyAutoencoder } from '../models/autoencoder-tiny.ts'
import { type Check, checkOver, compare, type GoldenFile, type GoldenInput, imageInput, toNchw } from './golden.ts'

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
