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

/**
 * Sum over pairs i < j of one face's samples of max(cos(f(x_i), f(x_j)) - floor, 0): zero when no two samples share an
 * identity.
 * @param embeddings unit embeddings of the samples, [n, d]
 * @param floor as for `dissimilarity`
 */
export function diversity(embeddings: tf.Tensor2D, floor = 0): tf.Scalar {
  return tf.tidy(() => {
    const n = embeddings.shape[0]
    const cosines = tf.matMul(embeddings, embeddings, false, true)
    const above = tf.tensor2d(
      Array.from({ length: n * n }, (_, k) => (k % n > Math.floor(k / n) ? 1 : 0)),
      [n, n],
    )
    return tf.sum(tf.mul(tf.relu(tf.sub(cosines, floor)), above))
  })
}
