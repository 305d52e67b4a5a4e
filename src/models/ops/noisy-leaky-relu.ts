import * as tf from '@tensorflow/tfjs'
import { differentiable } from './differentiable.ts'

const slope = 0.2

/**
 * leakyRelu(x + noise + bias) of slope 0.2, noise and bias being constants.
 * @param x [n, h, w, c]
 * @param noise [1, h, w, 1]
 * @param bias [c]
 */
export function noisyLeakyRelu(x: tf.Tensor4D, noise: tf.Tensor, bias: tf.Tensor): tf.Tensor4D {
  return differentiable(
    { x },
    save => {
      const y = tf.leakyRelu(tf.add(tf.add(x, noise), bias), slope) as tf.Tensor4D
      save([y])
      return y
    },
    // dy where y is above 0, and a fifth of it elsewhere
    (dy, [y]) => ({ x: () => tf.mul(dy, tf.step(y!, slope)) }),
  )
}
