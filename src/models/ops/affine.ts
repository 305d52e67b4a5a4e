/** Matrix products and convolutions with their bias, each one operation with its gradients in closed form. */
import * as tf from '@tensorflow/tfjs'
import { differentiable } from './differentiable.ts'

/**
 * x w + b over the last axis.
 * @param x [..., in]
 * @param weight [in, out], or [out, in] when `transposed`
 * @param bias [out]
 * @returns [..., out]
 */
export function affine(x: tf.Tensor, weight: tf.Tensor2D, bias?: tf.Tensor, transposed = false): tf.Tensor {
  const [inputs, outputs] = transposed ? [weight.shape[1], weight.shape[0]] : weight.shape
  const outer = x.shape.slice(0, -1)
  const unrows = (y: tf.Tensor, width: number) => (x.rank === 2 ? y : tf.reshape(y, [...outer, width]))
  return differentiable(
    { x, weight, ...(bias && { bias }) },
    save => {
      save([x, weight])
      const y = tf.matMul(rows(x, inputs), weight, false, transposed)
      return unrows(bias ? tf.add(y, bias) : y, outputs)
    },
    (dy, [x, weight]) => ({
      x: () => unrows(tf.matMul(rows(dy, outputs), weight as tf.Tensor2D, false, !transposed), inputs),
      weight: () => {
        const [a, b] = transposed ? [rows(dy, outputs), rows(x!, inputs)] : [rows(x!, inputs), rows(dy, outputs)]
        return tf.matMul(a, b, true)
      },
      bias: () => sumOverRows(dy),
    }),
  )
}

/**
 * Cross-correlation with a filter, plus a bias.
 * @param x [n, h, w, in]
 * @param filter [kh, kw, in, out]
 * @param bias [out]
 * @returns [n, h', w', out]
 */
export function convolution(
  x: tf.Tensor4D,
  filter: tf.Tensor4D,
  bias: tf.Tensor1D | undefined,
  stride: number,
  padding: 'same' | 'valid',
): tf.Tensor4D {
  const [height, width, inputs, outputs] = filter.shape
  // One pixel at a time it is a product of matrices, whose gradients are many times faster than a convolution's.
  if (height === 1 && width === 1 && stride === 1)
    return affine(x, tf.reshape(filter, [inputs, outputs]), bias) as tf.Tensor4D
  return differentiable(
    { x, filter, ...(bias && { bias }) },
    save => {
      save([x, filter])
      return tf.fused.conv2d({ x, filter, strides: stride, pad: padding, bias })
    },
    (dy, [x, filter]) => ({
      x: () => tf.conv2dTranspose(dy, filter as tf.Tensor4D, x!.shape as tf.Tensor4D['shape'], stride, padding),
      filter: () =>
        tf
          .engine()
          .runKernel(
            tf.Conv2DBackpropFilter,
            { x: x!, dy },
            { strides: stride, pad: padding, dataFormat: 'NHWC', filterShape: filter!.shape },
          ),
      bias: () => sumOverRows(dy),
    }),
  )
}

/** [..., c] -> [r, c]. */
const rows = (x: tf.Tensor, width: number): tf.Tensor2D =>
  (x.rank === 2 ? x : tf.reshape(x, [-1, width])) as tf.Tensor2D

/** Sum over all axes but the last: [..., c] -> [c]. */
export const sumOverRows = (x: tf.Tensor): tf.Tensor1D => tf.sum(x, x.shape.slice(0, -1).map((_, axis) => axis)) // biome-ignore format: one line
