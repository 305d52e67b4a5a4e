import * as tf from '@tensorflow/tfjs'
import { fused } from '../../backend/fused.ts'
import { affine } from './affine.ts'
import { depthwiseConv2dSame } from './depthwise.ts'
import { differentiable } from './differentiable.ts'
import { noisyLeakyRelu } from './noisy-leaky-relu.ts'

/** Frozen weights of a separable convolution: constants, which get no gradient. */
export interface SeparableWeights {
  /** [3, 3, c, 1] */
  readonly depthwise: tf.Tensor4D
  /** [c, out] */
  readonly pointwise: tf.Tensor2D
  /** [1, h, w, 1] */
  readonly noise: tf.Tensor4D
  /** [out] */
  readonly bias: tf.Tensor
}

/**
 * A modulated separable convolution and what follows it:
 *
 *   leakyRelu((depthwise * (x scale)) pointwise + noise + bias)
 *
 * with a slope of 0.2, zeros around the image and as many pixels as it has.
 * @param x [n, h, w, c]
 * @param scale [n, c], of an image's channels
 * @returns [n, h, w, out]
 */
export function modulatedSeparable(x: tf.Tensor4D, scale: tf.Tensor2D, weights: SeparableWeights): tf.Tensor4D {
  const kernel = fused('SeparableConvolution')
  const gradient = fused('SeparableConvolutionGradient')
  if (!kernel || !gradient) return ofPieces(x, scale, weights)
  return differentiable(
    { x, scale },
    save => {
      const { depthwise, pointwise, noise, bias } = weights
      const y = kernel({ x, scale, depthwise, pointwise, noise, bias }, {})[0] as tf.Tensor4D
      // Saved and not captured: what is not saved may be gone when the gradient is taken.
      save([y, x, scale, depthwise, pointwise])
      return y
    },
    (dy, saved) => {
      const [y, x, scale, depthwise, pointwise] = saved as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]
      const [dx, dscale] = gradient({ dy, y, x, scale, depthwise, pointwise }, {}) as [tf.Tensor, tf.Tensor]
      return { x: () => dx, scale: () => dscale }
    },
  )
}

function ofPieces(x: tf.Tensor4D, scale: tf.Tensor2D, weights: SeparableWeights): tf.Tensor4D {
  const { depthwise, pointwise, noise, bias } = weights
  const scaled: tf.Tensor4D = tf.mul(x, tf.reshape(scale, [-1, 1, 1, x.shape[3]]))
  return noisyLeakyRelu(affine(depthwiseConv2dSame(scaled, depthwise), pointwise) as tf.Tensor4D, noise, bias)
}
