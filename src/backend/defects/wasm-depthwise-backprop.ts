/**
 * The wasm backend has neither gradient of a depthwise convolution: "Kernel 'DepthwiseConv2dNativeBackpropInput' not
 * registered". Letters: n batch, c channels, q channel multiplier, kh kw filter, s stride.
 */
import * as tf from '@tensorflow/tfjs'
import { type ConvAttributes, geometry, insertZeros, moveEdges, overrideKernel, turn } from './override.ts'

/** dx: a depthwise convolution of the zero-inserted dy by the turned filter, summed over the multiplier. */
export function registerDepthwiseBackpropInput(backend = 'wasm'): void {
  type Inputs = { dy: tf.Tensor4D; filter: tf.Tensor4D }
  overrideKernel<Inputs, ConvAttributes>('DepthwiseConv2dNativeBackpropInput', backend, ({ dy, filter }, attributes) =>
    tf.tidy(() => {
      const info = geometry(attributes.inputShape!, filter.shape, attributes, true)
      const { inHeight, inWidth, strideHeight, strideWidth, padInfo } = info
      const [reachY, reachX] = [info.filterHeight - 1, info.filterWidth - 1]
      const [top, left] = [reachY - padInfo.top, reachX - padInfo.left]
      const bottom = inHeight + reachY - top - info.outHeight * strideHeight
      const right = inWidth + reachX - left - info.outWidth * strideWidth
      const spread = moveEdges(insertZeros(dy, strideHeight, strideWidth), top, bottom, left, right)
      const [kh, kw, c, q] = filter.shape
      const turned = tf.reshape(turn(filter), [kh, kw, c * q, 1]) as tf.Tensor4D
      const dx = tf.depthwiseConv2d(spread, turned, 1, 'valid') // [n, h, w, c * q]
      return q === 1 ? dx : tf.sum(tf.reshape(dx, [...info.inShape, q]), 4)
    }),
  )
}

/** dw: for each of the kh * kw offsets, the product of dy with the window of x under that offset, summed over n, y, x. */
export function registerDepthwiseBackpropFilter(backend = 'wasm'): void {
  type Inputs = { x: tf.Tensor4D; dy: tf.Tensor4D }
  overrideKernel<Inputs, ConvAttributes>('DepthwiseConv2dNativeBackpropFilter', backend, ({ x, dy }, attributes) =>
    tf.tidy(() => {
      const info = geometry(x.shape, attributes.filterShape!, attributes, true)
      const { top, bottom, left, right } = info.padInfo
      const padded = moveEdges(x, top, bottom, left, right)
      const [n, c, q] = [info.batchSize, info.inChannels, info.outChannels / info.inChannels]
      const [h, w] = [info.outHeight, info.outWidth]
      const sums: tf.Tensor[] = []
      for (let i = 0; i < info.filterHeight; i++)
        for (let j = 0; j < info.filterWidth; j++) {
          const end = [n, i + (h - 1) * info.strideHeight + 1, j + (w - 1) * info.strideWidth + 1, c]
          const window = tf.stridedSlice(padded, [0, i, j, 0], end, [1, info.strideHeight, info.strideWidth, 1])
          const products = tf.mul(tf.reshape(window, [n * h * w, c, 1]), tf.reshape(dy, [n * h * w, c, q]))
          sums.push(tf.sum(products, 0)) // [c, q]
        }
      return tf.reshape(tf.stack(sums), info.filterShape)
    }),
  )
}
