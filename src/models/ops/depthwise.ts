/**
 * Depthwise convolution with a frozen filter. tfjs's wasm backend has no gradient of it at all, and elsewhere it is slow:
 * the gradient with respect to the input is itself a depthwise convolution, of the output's gradient with zeros put
 * between its pixels (as many as the stride skips) and the filter reversed in both axes.
 */
import * as tf from '@tensorflow/tfjs'
import { fused } from '../../backend/fused.ts'
import { noisyLeakyRelu, relu, reluGradient } from './activations.ts'
import { affine } from './affine.ts'
import { differentiable } from './differentiable.ts'

/** What follows a depthwise convolution in the same operation, and its stride. */
export interface DepthwiseOptions {
  /** 1 by default. */
  readonly stride?: number
  /** [c]; a constant, which gets no gradient. */
  readonly bias?: tf.Tensor
  /** Then negative values become 0. */
  readonly relu?: boolean
}

/**
 * Cross-correlates each channel with its own filter, without padding.
 * @param x [n, h, w, c]
 * @param filter [k, k, c, 1]; a constant, which gets no gradient
 * @returns [n, floor((h - k) / stride) + 1, floor((w - k) / stride) + 1, c]
 */
export function depthwiseConv2d(x: tf.Tensor4D, filter: tf.Tensor4D, stride: number): tf.Tensor4D {
  const [, h, w] = x.shape
  const [k] = filter.shape
  return correlate(x, filter, stride, 'valid', dy => spread(dy, stride, k - 1, [h + k - 1, w + k - 1]))
}

/**
 * The same with (k - 1) / 2 zeros on every side, which backends add while they compute: faster than `tf.pad`.
 * @param filter [k, k, c, 1] of odd k; a constant, which gets no gradient
 * @returns [n, ceil(h / stride), ceil(w / stride), c]
 */
export function depthwiseConv2dSame(
  x: tf.Tensor4D,
  filter: tf.Tensor4D,
  { stride = 1, bias, relu: rectify = false }: DepthwiseOptions = {},
): tf.Tensor4D {
  const kernel = filter.shape[0] === 3 && stride <= 2 ? fused('Depthwise') : undefined
  if (!kernel) {
    const sum = padded(x, filter, stride)
    const shifted = bias ? tf.add(sum, bias) : sum
    return (rectify ? relu(shifted) : shifted) as tf.Tensor4D
  }
  const [, h, w] = x.shape
  return differentiable(
    { x },
    save => {
      const options = { turned: false, stride, biased: bias !== undefined, relu: rectify }
      const y = kernel({ x, filter, bias: bias ?? filter }, options)[0] as tf.Tensor4D
      save(rectify ? [filter, y] : [filter])
      return y
    },
    (dy, [filter, y]) => ({
      x: () => {
        const behind = y ? reluGradient(dy, y) : dy
        const whole = stride === 1 ? behind : spread(behind, stride, 0, [h, w])
        const options = { turned: true, stride: 1, biased: false, relu: false }
        return kernel({ x: whole, filter: filter!, bias: filter! }, options)[0]!
      },
    }),
  )
}

function padded(x: tf.Tensor4D, filter: tf.Tensor4D, stride: number): tf.Tensor4D {
  if (stride === 1) return correlate(x, filter, 1, 'same', dy => dy)
  const zeros = (filter.shape[0] - 1) / 2
  const around: [number, number] = [zeros, zeros]
  return depthwiseConv2d(tf.pad(x, [[0, 0], around, around, [0, 0]]), filter, stride)
}

/**
 * A gradient with its pixels `stride` apart and zeros between them, as large as what it is the gradient of.
 * @param dy [n, rows, columns, c]
 * @param before zeros before the first row and column
 * @returns [n, height, width, c]
 */
function spread(
  dy: tf.Tensor4D,
  stride: number,
  before: number,
  [height, width]: readonly [number, number],
): tf.Tensor4D {
  const [n, rows, columns, c] = dy.shape
  // [n, rows, columns, c] -> [n, rows * stride, columns * stride, c], zero but at multiples of the stride
  const spreadRows = tf.pad(tf.reshape(dy, [n * rows, 1, columns, c]), beforeAfter(1, 0, stride - 1))
  const spread = tf.pad(tf.reshape(spreadRows, [n * rows * stride * columns, 1, 1, c]), beforeAfter(1, 0, stride - 1))
  const [h, w] = [Math.min(rows * stride, height - before), Math.min(columns * stride, width - before)]
  const whole = tf.reshape(spread, [n, rows * stride, columns * stride, c])
  const cut = h < rows * stride || w < columns * stride ? tf.slice(whole, [0, 0, 0, 0], [n, h, w, c]) : whole
  const after = [height - before - h, width - before - w] as const
  if (before === 0 && after.every(zeros => zeros === 0)) return cut as tf.Tensor4D
  return tf.pad(cut, [
    [0, 0],
    [before, after[0]],
    [before, after[1]],
    [0, 0],
  ]) as tf.Tensor4D
}

/** @param spread the output's gradient -> what the reversed filter is correlated with for the input's */
function correlate(
  x: tf.Tensor4D,
  filter: tf.Tensor4D,
  stride: number,
  pad: 'valid' | 'same',
  spread: (dy: tf.Tensor4D) => tf.Tensor4D,
): tf.Tensor4D {
  const op = tf.customGrad((x, save) => {
    // Saved and not captured: what is not saved may be gone when the gradient is taken.
    ;(save as unknown as tf.GradSaveFunc)([filter])
    return {
      value: tf.depthwiseConv2d(x as tf.Tensor4D, filter, stride, pad),
      gradFunc: (dy: tf.Tensor4D, [filter]: tf.Tensor[]) =>
        tf.depthwiseConv2d(spread(dy), tf.reverse(filter as tf.Tensor4D, [0, 1]), 1, pad),
    }
  })
  return op(x) as tf.Tensor4D
}

/** Paddings of a tensor of rank 4 that has them on one axis only. */
const beforeAfter = (axis: number, before: number, after: number): [number, number][] =>
  Array.from({ length: 4 }, (_, i) => (i === axis ? [before, after] : [0, 0]))

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
