import * as tf from '@tensorflow/tfjs'
import { fused } from '../../backend/fused.ts'
import { differentiable } from './differentiable.ts'

const slope = 0.2

/**
 * leakyRelu(x + noise + bias) of slope 0.2, noise and bias being constants.
 * @param x [n, h, w, c]
 * @param noise [1, h, w, 1]
 * @param bias [c]
 */
export function noisyLeakyRelu(x: tf.Tensor4D, noise: tf.Tensor, bias: tf.Tensor): tf.Tensor4D {
  const kernel = fused('NoisyLeakyRelu')
  return differentiable(
    { x },
    save => {
      const y = kernel
        ? (kernel({ x, noise, bias }, {})[0] as tf.Tensor4D)
        : (tf.leakyRelu(tf.add(tf.add(x, noise), bias), slope) as tf.Tensor4D)
      save([y])
      return y
    },
    (dy, [y]) => ({ x: () => leakyReluGradient(dy, y!) }),
  )
}

/** dy where y, the output, is above 0, and a fifth of it elsewhere. */
function leakyReluGradient(dy: tf.Tensor, y: tf.Tensor): tf.Tensor {
  const kernel = fused('LeakyReluGradient')
  return kernel ? kernel({ dy, y }, {})[0]! : tf.mul(dy, tf.step(y, slope))
}
