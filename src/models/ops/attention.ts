import * as tf from '@tensorflow/tfjs'

/**
 * Multi-head scaled dot-product attention (Vaswani et al., equation 1).
 * @param q [n, t, heads * d]
 * @param k [n, s, heads * d]
 * @param v [n, s, heads * d]
 * @param mask added to the scores, [t, s]
 * @returns [n, t, heads * d]
 */
export function attention(
  q: tf.Tensor3D,
  k: tf.Tensor3D,
  v: tf.Tensor3D,
  heads: number,
  mask?: tf.Tensor2D,
): tf.Tensor3D {
  const [n, t, width] = q.shape
  const s = k.shape[1]
  const d = width / heads
  const split = (x: tf.Tensor3D, length: number) =>
    tf.reshape(tf.transpose(tf.reshape(x, [n, length, heads, d]), [0, 2, 1, 3]), [n * heads, length, d]) as tf.Tensor3D
  const scores = tf.matMul(tf.mul(split(q, t), 1 / Math.sqrt(d)), split(k, s), false, true) // [n * heads, t, s]
  const weights = tf.softmax(mask ? tf.add(scores, mask) : scores)
  const out = tf.matMul(weights as tf.Tensor3D, split(v, s)) // [n * heads, t, d]
  return tf.reshape(tf.transpose(tf.reshape(out, [n, heads, t, d]), [0, 2, 1, 3]), [n, t, width])
}
