/**
 * What an autoencoder of latent diffusion is, whatever its layers. Letters: n batch, s image size, h w latent height and width,
 * z latent channels.
 */
import * as tf from '@tensorflow/tfjs'
import type { Layer4D } from './layers.ts'
import { define, type Module, type Weights } from './module.ts'

export interface Autoencoder {
  /** Image [n, s, s, 3] in [-1, 1] -> moments of the latent, [n, h, w, 2z]: means, then logarithms of variances. */
  readonly encode: Layer4D
  /** Latent [n, h, w, z] -> image [n, s, s, 3], about [-1, 1] and not clamped; of another side where `sizes` has it. */
  readonly decode: Module<[latents: tf.Tensor4D, size?: number], tf.Tensor4D>
  /** [h, w, z] of images of a side. */
  latentShape(imageSize: number): readonly [number, number, number]
  /** Sides of the images that `decode` gives, ascending, where it can be asked for others than the model's. */
  readonly sizes?: readonly number[]
  /** Latents as generated faces come with them, [n, h, w, z] -> latents as `decode` takes them. */
  readonly fromGenerated?: Module<[latents: tf.Tensor4D], tf.Tensor4D>
  /** Variance of what `decode` makes of each channel of a latent first, [z], where channels are not alike. */
  readonly channelVariances?: Module<[], tf.Tensor1D>
  /** Where a latent's rows are styles: how many of them move together, group by group. */
  readonly rowGroups?: readonly number[]
}

/** Moments [n, h, w, 2z] -> mean and log-variance, [n, h, w, z] each; the latter clamped to [-30, 20] as in CompVis. */
export function splitMoments(moments: tf.Tensor4D): { mean: tf.Tensor4D; logVariance: tf.Tensor4D } {
  return tf.tidy(() => {
    const [mean, logVariance] = tf.split(moments, 2, 3) as [tf.Tensor4D, tf.Tensor4D]
    return { mean, logVariance: tf.clipByValue(logVariance, -30, 20) }
  })
}

/**
 * What a diffusion model sees of an autoencoder with these weights: means of latents in the unit of its noise, that is times
 * `scale`, 1 / their standard deviation (Rombach et al., CVPR 2022, appendix G). Images are [n, s, s, 3] in [-1, 1].
 */
export function scaledLatents(
  { encode, decode, fromGenerated = define([], (_, latents) => latents) }: Autoencoder,
  weights: Weights,
  scale: number,
) {
  return {
    fromGenerated: (latents: tf.Tensor4D): tf.Tensor4D => tf.tidy(() => tf.mul(fromGenerated(weights, latents), scale)),
    encode: (images: tf.Tensor4D): tf.Tensor4D =>
      tf.tidy(() => tf.mul(splitMoments(encode(weights, images)).mean, scale)),
    decode: (latents: tf.Tensor4D, size?: number): tf.Tensor4D =>
      tf.tidy(() => decode(weights, tf.mul(latents, 1 / scale), size)),
  }
}

/** Of square latents, `factor` times smaller than the image a side. */
export const squareLatents =
  (factor: number, channels: number): Autoencoder['latentShape'] =>
  size => [size / factor, size / factor, channels]
