/**
 * The prior on latents that are nearly N(0, I): in d dimensions, nearly all of it lies at |z|^2 = d. Rows far outside of that
 * shell no longer decode to photographs.
 */
import * as tf from '@tensorflow/tfjs'

/**
 * Sum over rows of relu(|row|^2 / d - 1)^2: zero inside of the shell.
 * @param latents [n, rows, 1, d] in P_N space
 * @returns [n]
 */
export function shellEnergy(latents: tf.Tensor4D): tf.Tensor1D {
  return tf.tidy(() => tf.sum(tf.square(tf.relu(tf.sub(squaredNorms(latents), 1))), [1, 2, 3]) as tf.Tensor1D)
}

/**
 * Rows beyond the shell are brought back to it, their direction kept; the others stay as they are.
 * @param latents [n, rows, 1, d] in P_N space
 * @param max the largest |row|^2 / d that stays
 */
export function clampToShell(latents: tf.Tensor4D, max = 1): tf.Tensor4D {
  return tf.tidy(() => tf.div(latents, tf.sqrt(tf.maximum(tf.div(squaredNorms(latents), max), 1))) as tf.Tensor4D)
}

/** |row|^2 / d, [n, rows, 1, 1]. */
const squaredNorms = (latents: tf.Tensor4D): tf.Tensor => tf.mean(tf.square(latents), 3, true)
