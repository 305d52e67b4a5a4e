/** Energies of a face's identity under a recognizer; each lowers when what its name says is reached. */
import * as tf from '@tensorflow/tfjs'

/**
 * Sum over samples of max(cos(f(x_i), f(x)) - floor, 0): zero when no sample looks like the reference to the recognizer.
 * @param floor the cosine of two people who have nothing in common: 0 for recognizers trained with an angular margin, as in
 *   the paper; about 0.8 for dlib, whose embeddings share a mean
 */
export function dissimilarity(embeddings: tf.Tensor2D, reference: tf.Tensor2D, floor = 0): tf.Scalar {
  return tf.tidy(() => tf.sum(tf.relu(tf.sub(tf.sum(tf.mul(embeddings, reference), 1), floor))))
}

/** Sum over samples of 1 - cos(g(x_i), g(x)): zero when every sample is the reference to the recognizer. */
export function similarity(embeddings: tf.Tensor2D, reference: tf.Tensor2D): tf.Scalar {
  return tf.tidy(() => tf.sum(tf.sub(1, tf.sum(tf.mul(embeddings, reference), 1))))
}
