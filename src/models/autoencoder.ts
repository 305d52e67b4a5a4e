/**
 * What an autoencoder of latent diffusion is, whatever its layers. Letters: n batch, s image size, h w latent height and width,
 * z latent channels.
 */
import * as tf from '@tensorflow/tfjs'
import { conv2d, type Layer4D } from './layers.ts'
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

// Tells photos from what a decoder makes, patch by patch (PatchGAN, Isola et al. 2017): an adversary for training decoders.
// Letters: n batch, s image size.

/** Channels at a half, a quarter and an eighth of the image's size. */
const widths = [32, 64, 128] as const

/** Faces [n, s, s, 3] in [-1, 1] -> how real each patch of 38 x 38 pixels looks, [n, s/8, s/8, 1], of any sign. */
export function discriminator(): Module<[tf.Tensor4D], tf.Tensor4D> {
  const [fine, middle, coarse] = widths
  const halve = { kernel: 4, stride: 2, padding: 1 }
  const layers = [
    conv2d('discriminator.fine', 3, fine, halve),
    conv2d('discriminator.middle', fine, middle, halve),
    conv2d('discriminator.coarse', middle, coarse, halve),
  ]
  const verdict = conv2d('discriminator.verdict', coarse, 1)
  return define([...layers, verdict], (w, faces) => {
    const deep = layers.reduce((x, layer) => tf.leakyRelu(layer(w, x), 0.2), faces)
    return verdict(w, deep)
  })
}
