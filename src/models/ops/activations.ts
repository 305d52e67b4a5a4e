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

// Activations with their gradients in closed form.

/** x sigmoid(slope x): SiLU at slope 1, and at 1.702 CLIP's approximation of GELU. */
export function swish(x: tf.Tensor, slope = 1): tf.Tensor {
  return differentiable(
    { x },
    save => {
      const gate = tf.sigmoid(slope === 1 ? x : tf.mul(x, slope))
      const y = tf.mul(x, gate)
      save([gate, y])
      return y
    },
    (dy, saved) => {
      const [gate, y] = saved as [tf.Tensor, tf.Tensor]
      // gate + slope y (1 - gate)
      const away = tf.sub(1, gate)
      return { x: () => tf.mul(dy, tf.add(gate, tf.mul(y, slope === 1 ? away : tf.mul(away, slope)))) }
    },
  )
}

/**
 * GEGLU's gate (Shazeer 2020): x = (value, gate) along the last axis -> value gelu(gate). GELU is exact: x P(x), P the
 * distribution function of the standard normal (Hendrycks and Gimpel 2016).
 * @param x [..., 2c]
 * @returns [..., c]
 */
export function gatedGelu(x: tf.Tensor): tf.Tensor {
  const [kernel, gradient] = [fused('GatedGelu'), fused('GatedGeluGradient')]
  if (kernel && gradient)
    return differentiable(
      { x },
      save => {
        save([x])
        return kernel({ x }, {})[0]!
      },
      (dy, [x]) => ({ x: () => gradient({ dy, x: x! }, {})[0]! }),
    )
  return differentiable(
    { x },
    save => {
      const [value, gate] = tf.split(x, 2, -1) as [tf.Tensor, tf.Tensor]
      const p = normalDistribution(gate)
      const open = tf.mul(gate, p)
      save([value, gate, p, open])
      return tf.mul(value, open)
    },
    (dy, saved) => {
      const [value, gate, p, open] = saved as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]
      return { x: () => tf.concat([tf.mul(dy, open), tf.mul(tf.mul(dy, value), geluSlope(gate, p))], -1) }
    },
  )
}

/** P(x) = (1 + erf(x / sqrt 2)) / 2. */
const normalDistribution = (x: tf.Tensor): tf.Tensor => tf.add(tf.mul(tf.erf(tf.mul(x, Math.SQRT1_2)), 0.5), 0.5)

/** P(x) + x P'(x), P'(x) = exp(-x^2 / 2) / sqrt(2 pi). */
function geluSlope(x: tf.Tensor, p: tf.Tensor): tf.Tensor {
  const density = tf.mul(tf.exp(tf.mul(tf.square(x), -0.5)), 1 / Math.sqrt(2 * Math.PI))
  return tf.add(p, tf.mul(x, density))
}
