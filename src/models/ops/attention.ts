import * as tf from '@tensorflow/tfjs'
import { fused } from '../../backend/fused.ts'
import { differentiable } from './differentiable.ts'

export interface AttentionOptions {
  /** n, where queries, keys and values come as rows of all samples. */
  samples?: number
  /** A constant added to the scores, [t, s]. */
  mask?: tf.Tensor2D
  /** Scores held at once, 64 MiB of them by default: more are computed in slices of samples and heads. */
  mostScores?: number
}

/**
 * Multi-head scaled dot-product attention (Vaswani et al., equation 1) with its gradient in closed form. Where the scores
 * of all samples and heads would be large they are neither held at once nor kept: the gradient computes them anew.
 * @param q [n, t, heads * d], or rows [n * t, heads * d]
 * @param k [n, s, heads * d], or rows
 * @param v [n, s, heads * d], or rows
 * @returns in the shape of q
 */
export function attention<Q extends tf.Tensor>(
  q: Q,
  k: tf.Tensor,
  v: tf.Tensor,
  heads: number,
  { samples: n = q.shape[0]!, mask, mostScores = 2 ** 24 }: AttentionOptions = {},
): Q {
  const [kernel, gradient] = [fused('Attention'), fused('AttentionGradient')]
  if (kernel && gradient && !mask) {
    const options = { heads, samples: n }
    return differentiable(
      { q, k, v },
      save => {
        save([q, k, v])
        return kernel({ q, k, v }, options)[0] as Q
      },
      (dy, saved) => {
        const [q, k, v] = saved as [tf.Tensor, tf.Tensor, tf.Tensor]
        const [dq, dk, dv] = gradient({ dy, q, k, v }, options)
        return { q: () => dq!, k: () => dk!, v: () => dv! }
      },
    )
  }

  const d = q.shape.at(-1)! / heads
  const [t, s] = [q.size / (n * heads * d), k.size / (n * heads * d)]
  const perSlice = Math.max(1, Math.floor(mostScores / (t * s)))
  const keeps = perSlice >= n * heads
  const scale = 1 / Math.sqrt(d)

  /** Heads before tokens, [n, heads, length, d], and back to rows. */
  const split = (x: tf.Tensor, length: number): tf.Tensor4D =>
    tf.transpose(tf.reshape(x, [n, length, heads, d]), [0, 2, 1, 3])
  const join = (x: tf.Tensor, shape: number[]): tf.Tensor => tf.reshape(tf.transpose(x, [0, 2, 1, 3]), shape)

  const weigh = (q: tf.Tensor, k: tf.Tensor, mask?: tf.Tensor): tf.Tensor => {
    const scores = tf.matMul(q, k, false, true)
    return tf.softmax(mask ? tf.add(scores, mask) : scores)
  }
  const backward = (q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, p: tf.Tensor, dOut: tf.Tensor): tf.Tensor[] => {
    const dP = tf.matMul(dOut, v, false, true)
    // Through the softmax: p (dP - sum(p dP))
    const pdP = tf.mul(p, dP)
    const dScores = tf.sub(pdP, tf.mul(p, tf.sum(pdP, -1, true)))
    return [tf.matMul(dScores, k), tf.matMul(dScores, q, true), tf.matMul(p, dOut, true)]
  }

  return differentiable(
    { q, k, v },
    save => {
      const [queries, keys, values] = [tf.mul(split(q, t), scale), split(k, s), split(v, s)]
      if (keeps) {
        const p = weigh(queries, keys, mask)
        save([queries, keys, values, p])
        return join(tf.matMul(p, values), q.shape) as Q
      }
      save([queries, keys, values, ...(mask ? [mask] : [])])
      const inputs = [queries, keys, values]
      const [out] = inSlices(perSlice, inputs, (q, k, v) => [tf.matMul(weigh(q!, k!, mask), v!)])
      return join(out!, q.shape) as Q
    },
    (dy, saved) => {
      const [queries, keys, values, last] = saved as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor?]
      const [dq, dk, dv] = tf.tidy(() => {
        const inputs = [queries, keys, values, split(dy, t)] as const
        const [dq, dk, dv] = keeps
          ? backward(queries, keys, values, last!, inputs[3])
          : inSlices(perSlice, inputs, (q, k, v, dOut) => backward(q!, k!, v!, weigh(q!, k!, last), dOut!))
        return [join(tf.mul(dq!, scale), q.shape), join(dk!, k.shape), join(dv!, v.shape)]
      }) as [tf.Tensor, tf.Tensor, tf.Tensor]
      return { q: () => dq, k: () => dk, v: () => dv }
    },
  )
}

/** `f` of slices of [n, heads, length, d], so many samples and heads at a time; what it gives put together again. */
function inSlices(
  size: number,
  tensors: readonly tf.Tensor[],
  f: (...slices: tf.Tensor3D[]) => tf.Tensor[],
): tf.Tensor[] {
  const [n, heads] = tensors[0]!.shape as [number, number]
  const flat = tensors.map(x => tf.reshape(x, [n * heads, x.shape[2]!, x.shape[3]!]) as tf.Tensor3D)
  const results: tf.Tensor[][] = []
  for (let start = 0; start < n * heads; start += size) {
    const part = (x: tf.Tensor3D) => tf.slice(x, [start, 0, 0], [Math.min(size, n * heads - start), -1, -1])
    results.push(tf.tidy(() => f(...flat.map(part))))
  }
  return results[0]!.map((first, i) =>
    tf.reshape(tf.concat(results.map(slices => slices[i]!)), [n, heads, ...first.shape.slice(1)]),
  )
}
