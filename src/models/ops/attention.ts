import * as tf from '@tensorflow/tfjs'
import { differentiable } from './differentiable.ts'

/**
 * Multi-head scaled dot-product attention (Vaswani et al., equation 1) with its gradient in closed form. Where the scores
 * of all samples and heads would be large they are neither held at once nor kept: the gradient computes them anew.
 * @param q [n, t, heads * d]
 * @param k [n, s, heads * d]
 * @param v [n, s, heads * d]
 * @param mask a constant added to the scores, [t, s]
 * @param mostScores held at once, 64 MiB of them by default: more are computed in slices of samples and heads
 * @returns [n, t, heads * d]
 */
export function attention(
  q: tf.Tensor3D,
  k: tf.Tensor3D,
  v: tf.Tensor3D,
  heads: number,
  mask?: tf.Tensor2D,
  mostScores = 2 ** 24,
): tf.Tensor3D {
  const [n, t, width] = q.shape
  const s = k.shape[1]
  const d = width / heads
  const scale = 1 / Math.sqrt(d)
  const perSlice = Math.max(1, Math.floor(mostScores / (t * s)))
  const keeps = perSlice >= n * heads

  const split = (x: tf.Tensor): tf.Tensor3D => {
    const length = x.shape[1]!
    return tf.reshape(tf.transpose(tf.reshape(x, [n, length, heads, d]), [0, 2, 1, 3]), [n * heads, length, d])
  }
  const join = (x: tf.Tensor): tf.Tensor3D => {
    const length = x.shape[1]!
    return tf.reshape(tf.transpose(tf.reshape(x, [n, heads, length, d]), [0, 2, 1, 3]), [n, length, width])
  }
  const weigh = (q: tf.Tensor3D, k: tf.Tensor3D, mask?: tf.Tensor): tf.Tensor3D => {
    const scores = tf.matMul(q, k, false, true)
    return tf.softmax(mask ? tf.add(scores, mask) : scores) as tf.Tensor3D
  }

  return differentiable(
    { q, k, v },
    save => {
      const [queries, keys, values] = [tf.mul(split(q), scale) as tf.Tensor3D, split(k), split(v)]
      if (keeps) {
        const p = weigh(queries, keys, mask)
        save([queries, keys, values, p])
        return join(tf.matMul(p, values))
      }
      save([queries, keys, values, ...(mask ? [mask] : [])])
      return join(sliced(perSlice, [queries, keys, values], (q, k, v) => [tf.matMul(weigh(q!, k!, mask), v!)])[0]!)
    },
    (dy, saved) => {
      const [queries, keys, values, last] = saved as [tf.Tensor3D, tf.Tensor3D, tf.Tensor3D, tf.Tensor?]
      const backward = (q: tf.Tensor3D, k: tf.Tensor3D, v: tf.Tensor3D, p: tf.Tensor3D, dOut: tf.Tensor3D) => {
        const dP = tf.matMul(dOut, v, false, true)
        // Through the softmax: p (dP - sum(p dP))
        const pdP = tf.mul(p, dP)
        const dScores = tf.sub(pdP, tf.mul(p, tf.sum(pdP, -1, true))) as tf.Tensor3D
        return [tf.matMul(dScores, k), tf.matMul(dScores, q, true), tf.matMul(p, dOut, true)] as tf.Tensor3D[]
      }
      const [dq, dk, dv] = tf.tidy(() => {
        const dOut = split(dy)
        const [dq, dk, dv] = keeps
          ? backward(queries, keys, values, last as tf.Tensor3D, dOut)
          : sliced(perSlice, [queries, keys, values, dOut], (q, k, v, dOut) =>
              backward(q!, k!, v!, weigh(q!, k!, last), dOut!),
            )
        return [join(tf.mul(dq!, scale)), join(dk!), join(dv!)]
      }) as [tf.Tensor3D, tf.Tensor3D, tf.Tensor3D]
      return { q: () => dq, k: () => dk, v: () => dv }
    },
  )
}

/** `f` of consecutive slices of the first axis, what it gives put together again. */
function sliced(
  size: number,
  tensors: readonly tf.Tensor3D[],
  f: (...slices: tf.Tensor3D[]) => tf.Tensor3D[],
): tf.Tensor3D[] {
  const count = tensors[0]!.shape[0]
  const results: tf.Tensor3D[][] = []
  for (let start = 0; start < count; start += size) {
    const part = (x: tf.Tensor3D) => tf.slice(x, [start, 0, 0], [Math.min(size, count - start), -1, -1])
    results.push(tf.tidy(() => f(...tensors.map(part))))
  }
  return results[0]!.map((_, i) => tf.concat(results.map(slices => slices[i]!)) as tf.Tensor3D)
}
