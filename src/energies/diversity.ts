import * as tf from '@tensorflow/tfjs'

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
