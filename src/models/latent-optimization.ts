/** Descent of latents along the gradient of what they are to lower: inversion, refinement, and guidance after sampling. */
import * as tf from '@tensorflow/tfjs'
import { freeing } from '../backend/freeing.ts'

export interface LatentOptimization {
  /** Steps of Adam (Kingma and Ba, ICLR 2015). */
  readonly steps: number
  /** How far the first step moves each number of a latent at most; steps shorten linearly, down to a tenth of it. */
  readonly rate: number
}

export interface OptimizationOptions {
  /** Of each step's gradient, what is followed; all of it by default. */
  readonly project?: (gradient: tf.Tensor4D) => tf.Tensor4D
  /** What latents are brought back to after each step; nothing by default. */
  readonly constrain?: (latents: tf.Tensor4D) => tf.Tensor4D
  /** Told after each step. */
  readonly onStep?: (step: number) => void
}

const [beta1, beta2] = [0.9, 0.99]

/**
 * Takes `steps` of Adam down `energy` from latents [n, h, w, c], which the caller keeps.
 * @param energy differentiable; a sum over latents, so that each moves as if it were alone
 * @returns [n, h, w, c]
 */
export function optimizeLatents(
  latents: tf.Tensor4D,
  energy: (latents: tf.Tensor4D) => tf.Scalar,
  { steps, rate }: LatentOptimization,
  { project = gradient => gradient, constrain = z => z, onStep }: OptimizationOptions = {},
): tf.Tensor4D {
  let z = latents.clone() as tf.Tensor4D
  let [m, v]: tf.Tensor[] = [tf.zerosLike(latents), tf.zerosLike(latents)]
  for (let step = 0; step < steps; step++) {
    const before = [z, m!, v!]
    ;[z, m, v] = tf.tidy(() => {
      const gradient = project(tf.grad(freeing((z: tf.Tensor) => energy(z as tf.Tensor4D)))(z) as tf.Tensor4D)
      const nextM = tf.add(tf.mul(m!, beta1), tf.mul(gradient, 1 - beta1))
      const nextV = tf.add(tf.mul(v!, beta2), tf.mul(tf.square(gradient), 1 - beta2))
      const direction = tf.div(
        tf.div(nextM, 1 - beta1 ** (step + 1)),
        tf.add(tf.sqrt(tf.div(nextV, 1 - beta2 ** (step + 1))), 1e-8),
      )
      const length = rate * (1 - (0.9 * step) / steps)
      return [constrain(tf.sub(z, tf.mul(direction, length)) as tf.Tensor4D), nextM, nextV]
    }) as [tf.Tensor4D, tf.Tensor, tf.Tensor]
    tf.dispose(before)
    onStep?.(step)
  }
  tf.dispose([m!, v!])
  return z
}

// Latents that decode to an image more closely than those that an encoder gives. An encoder answers for all images in one
// pass; the decoder can be asked about the one at hand (the amortization gap of Cremer, Li and Duvenaud, ICML 2018).

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
