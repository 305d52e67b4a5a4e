/**
 * The wasm backend has no Conv2DBackpropFilter: training a convolution fails with "Kernel 'Conv2DBackpropFilter' not
 * registered". The same sums are a forward convolution over the batch axis, stride become dilation:
 * dw[i, j, c, o] = sum over n, y, x of x[n, y s + i - top, x s + j - left, c] dy[n, y, x, o].
 */
import * as tf from '@tensorflow/tfjs'
import { type ConvAttributes, geometry, moveEdges, overrideKernel } from './override.ts'

type Inputs = { x: tf.Tensor4D; dy: tf.Tensor4D }

export function registerConv2dBackpropFilter(backend = 'wasm'): void {
  overrideKernel<Inputs, ConvAttributes>('Conv2DBackpropFilter', backend, ({ x, dy }, attributes) =>
    tf.tidy(() => {
      const info = geometry(x.shape, attributes.filterShape!, attributes)
      const { top, left } = info.padInfo
      // Trailing zeros, or rows that no window reached: either way exactly kh x kw offsets remain.
      const bottom = info.filterHeight + (info.outHeight - 1) * info.strideHeight - info.inHeight - top
      const right = info.filterWidth + (info.outWidth - 1) * info.strideWidth - info.inWidth - left
      const image = tf.transpose(moveEdges(x, top, bottom, left, right), [3, 1, 2, 0]) // [c, h, w, n]
      const filter = tf.transpose(dy, [1, 2, 0, 3]) // [h', w', n, o]
      const dilations: [number, number] = [info.strideHeight, info.strideWidth]
      const sums = tf.conv2d(image, filter, 1, 'valid', 'NHWC', dilations) // [c, kh, kw, o]
      return tf.transpose(sums, [1, 2, 0, 3])
    }),
  )
}
