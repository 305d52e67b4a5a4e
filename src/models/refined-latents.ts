/**
 * Latents that decode to an image more closely than those that an encoder gives. An encoder answers for all images in one
 * pass; the decoder can be asked about the one at hand (the amortization gap of Cremer, Li and Duvenaud, ICML 2018).
 */
import * as tf from '@tensorflow/tfjs'
import { freeing } from './ops/freeing.ts'

export interface Refinement {
  /** Steps of Adam (Kingma and Ba, ICLR 2015). */
  readonly steps: number
  /** How far the first step moves each number of a latent at most; the steps grow shorter, down to a tenth of it. */
  readonly rate: number
  /** Weight of the features' distance beside the mean squared error of the pixels. */
  readonly featureWeight: number
}

const [beta1, beta2] = [0.9, 0.99]

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
    const distance = (z: tf.Tensor): tf.Scalar => {
      const decoded = decode(z as tf.Tensor4D)
      const pixels = perImage(tf.square(tf.sub(decoded, images)))
      const found = featureWeight > 0 ? features(decoded) : []
      const parts = found.map((f, k) => tf.div(perImage(tf.square(tf.sub(f, wanted[k]!))), scales[k]!))
      return tf.sum(tf.addN([pixels, ...parts.map(part => tf.mul(part, featureWeight))]))
    }
    let z: tf.Tensor = latents.clone()
    let [first, second]: tf.Tensor[] = [tf.zerosLike(latents), tf.zerosLike(latents)]
    for (let step = 0; step < steps; step++) {
      const before = [z, first!, second!]
      ;[z, first, second] = tf.tidy(() => {
        const gradient = tf.grad(freeing(distance))(z)
        const m = tf.add(tf.mul(first!, beta1), tf.mul(gradient, 1 - beta1))
        const v = tf.add(tf.mul(second!, beta2), tf.mul(tf.square(gradient), 1 - beta2))
        const direction = tf.div(
          tf.div(m, 1 - beta1 ** (step + 1)),
          tf.add(tf.sqrt(tf.div(v, 1 - beta2 ** (step + 1))), 1e-8),
        )
        const length = rate * (1 - (0.9 * step) / steps)
        return [tf.sub(z, tf.mul(direction, length)), m, v]
      })
      tf.dispose(before)
    }
    return z as tf.Tensor4D
  })
}

/** Means over all but the first axis, [n]. */
const perImage = (x: tf.Tensor): tf.Tensor => tf.mean(x, [1, 2, 3])
