/**
 * Depthwise convolution with a frozen filter. tfjs's wasm backend has no gradient of it at all, and elsewhere it is slow:
 * the gradient with respect to the input is itself a depthwise convolution, of the output's gradient with zeros put
 * between its pixels (as many as the stride skips) and the filter reversed in both axes.
 */
import * as tf from '@tensorflow/tfjs'
import { fused } from '../../backend/fused.ts'
import { differentiable } from './differentiable.ts'

/**
 * Cross-correlates each channel with its own filter, without padding.
 * @param x [n, h, w, c]
 * @param filter [k, k, c, 1]; a constant, which gets no gradient
 * @returns [n, floor((h - k) / stride) + 1, floor((w - k) / stride) + 1, c]
 */
export function depthwiseConv2d(x: tf.Tensor4D, filter: tf.Tensor4D, stride: number): tf.Tensor4D {
  const [n, h, w, c] = x.shape
  const [k] = filter.shape
  const spread = (dy: tf.Tensor4D): tf.Tensor4D => {
    const [, rows, columns] = dy.shape
    // [n, rows, columns, c] -> [n, rows * stride, columns * stride, c], zero but at multiples of the stride
    const spreadRows = tf.pad(tf.reshape(dy, [n * rows, 1, columns, c]), beforeAfter(1, 0, stride - 1))
    const spread = tf.pad(tf.reshape(spreadRows, [n * rows * stride * columns, 1, 1, c]), beforeAfter(1, 0, stride - 1))
    return tf.pad(tf.reshape(spread, [n, rows * stride, columns * stride, c]), [
      [0, 0],
      [k - 1, h - rows * stride],
      [k - 1, w - columns * stride],
      [0, 0],
    ])
  }
  return correlate(x, filter, stride, 'valid', spread)
}

/**
 * The same at stride 1 between as many zeros as keep the size: backends add them while they compute, faster than `tf.pad`.
 * @param filter [k, k, c, 1] of odd k; a constant, which gets no gradient
 * @returns [n, h, w, c]
 */
export function depthwiseConv2dSame(x: tf.Tensor4D, filter: tf.Tensor4D): tf.Tensor4D {
  const kernel = filter.shape[0] === 3 ? fused('Depthwise') : undefined
  if (!kernel) return correlate(x, filter, 1, 'same', dy => dy)
  return differentiable(
    { x },
    save => {
      save([filter])
      return kernel({ x, filter }, { turned: false })[0] as tf.Tensor4D
    },
    (dy, [filter]) => ({ x: () => kernel({ x: dy, filter: filter! }, { turned: true })[0]! }),
  )
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
