/**
 * Latents that decode to an image more closely than those that an encoder gives. An encoder answers for all images in one
 * pass; the decoder can be asked about the one at hand (the amortization gap of Cremer, Li and Duvenaud, ICML 2018).
 */
import * as tf from '@tensorflow/tfjs'
import { type LatentOptimization, optimizeLatents } from './latent-optimization.ts'

export interface Refinement extends LatentOptimization {
  /** Weight of the features' distance beside the mean squared error of the pixels. */
  readonly featureWeight: number
}

/**
 * Takes `steps` of descent from latents z, each image x by itself:
 *
 *   E(z) = mean (decode(z) - x)^2 + featureWeight sum_k mean (f_k(decode(z)) - f_k(x))^2 / mean f_k(x)^2
 *
 * @param latents [n, l, l, z]
 * @param images what they are to decode to, [n, s, s, 3] in [-1, 1]
 * @param decode latents -> images, differentiable
 * @param features images -> activations f_k, [n, h, w, c] each, differentiable
 * @returns [n, l, l, z]
 */
export function refineLatents(
  latents: tf.Tensor4D,
  images: tf.Tensor4D,
  decode: (latents: tf.Tensor4D) => tf.Tensor4D,
  features: (images: tf.Tensor4D) => readonly tf.Tensor4D[],
  { steps, rate, featureWeight }: Refinement,
): tf.Tensor4D {
  return tf.tidy(() => {
    const wanted = featureWeight > 0 ? features(images) : []
    const scales = wanted.map(f => tf.add(perImage(tf.square(f)), 1e-6))
    const distance = (z: tf.Tensor4D): tf.Scalar => {
      const decoded = decode(z)
      const pixels = perImage(tf.square(tf.sub(decoded, images)))
      const found = featureWeight > 0 ? features(decoded) : []
      const parts = found.map((f, k) => tf.div(perImage(tf.square(tf.sub(f, wanted[k]!))), scales[k]!))
      return tf.sum(tf.addN([pixels, ...parts.map(part => tf.mul(part, featureWeight))]))
    }
    return optimizeLatents(latents, distance, { steps, rate })
  })
}

/** Means over all but the first axis, [n]. */
const perImage = (x: tf.Tensor): tf.Tensor => tf.mean(x, [1, 2, 3])
