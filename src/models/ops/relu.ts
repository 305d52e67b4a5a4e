/** Rectifiers whose gradients are one or two operations; tfjs's own take four and, for `prelu`, one for its slopes too. */
import * as tf from '@tensorflow/tfjs'
import { fused } from '../../backend/fused.ts'
import { differentiable } from './differentiable.ts'

/** max(x, 0). */
export function relu<T extends tf.Tensor>(x: T): T {
  return differentiable(
    { x },
    save => {
      const y = tf.relu(x)
      save([y])
      return y
    },
    (dy, [y]) => ({ x: () => reluGradient(dy, y!) }),
  )
}

/** dy where y, the output of a ReLU, is above 0; 0 elsewhere. */
export function reluGradient<T extends tf.Tensor>(dy: T, y: tf.Tensor): T {
  const kernel = fused('ReluGradient')
  return (kernel ? kernel({ dy, y }, {})[0]! : tf.mul(dy, tf.step(y))) as T
}

/**
 * x where it is positive, slope x elsewhere (He et al. 2015). The factor of each value is kept, so that the gradient is one
 * operation.
 * @param slope a constant, of the last axis's width; it gets no gradient
 */
export function frozenPrelu<T extends tf.Tensor>(x: T, slope: tf.Tensor): T {
  return differentiable(
    { x },
    save => {
      const factor = tf.add(tf.mul(tf.step(x), tf.sub(1, slope)), slope)
      save([factor])
      return tf.mul(x, factor) as T
    },
    (dy, [factor]) => ({ x: () => tf.mul(dy, factor!) }),
  )
}
