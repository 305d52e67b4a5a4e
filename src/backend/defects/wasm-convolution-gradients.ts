/**
 * The wasm backend has no Conv2DBackpropFilter: training a convolution fails with "Kernel 'Conv2DBackpropFilter' not
 * registered". The same sums are a forward convolution over the batch axis, stride become dilation:
 * dw[i, j, c, o] = sum over n, y, x of x[n, y s + i - top, x s + j - left, c] dy[n, y, x, o].
 */
import * as tf from '@tensorflow/tfjs'
import type { WasmBackend } from '../web-assembly.ts'
import { type ConvAttributes, geometry, insertZeros, moveEdges, overrideKernel, turn } from './override.ts'
import { derived } from './wasm-derived.ts'

type FilterGradientInputs = { x: tf.Tensor4D; dy: tf.Tensor4D }

export function registerConv2dBackpropFilter(backend = 'wasm'): void {
  overrideKernel<FilterGradientInputs, ConvAttributes>('Conv2DBackpropFilter', backend, ({ x, dy }, attributes) =>
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

// The wasm backend's Conv2DBackpropInput is right but a plain loop: 1.6 GFLOP/s where its forward convolution does 28.
// The input gradient is that forward convolution of the zero-inserted dy by the turned filter: 13 to 23 GFLOP/s at
// stride 1, 6 at stride 2, and 26 where the filter is kept turned.

type InputGradientInputs = { dy: tf.Tensor4D; filter: tf.Tensor4D }

export function registerConv2dBackpropInput(): void {
  const convolve = tf.getKernel('Conv2D', 'wasm')!.kernelFunc
  overrideKernel<InputGradientInputs, ConvAttributes>(
    'Conv2DBackpropInput',
    'wasm',
    ({ dy, filter }, attributes, wasm) =>
      tf.tidy(() => {
        const info = geometry(attributes.inputShape!, filter.shape, attributes)
        const { filterHeight: kh, filterWidth: kw, inHeight, inWidth, strideHeight, strideWidth, padInfo } = info
        const [top, left] = [kh - 1 - padInfo.top, kw - 1 - padInfo.left]
        const bottom = inHeight + kh - 1 - top - info.outHeight * strideHeight
        const right = inWidth + kw - 1 - left - info.outWidth * strideWidth
        const spread = moveEdges(insertZeros(dy, strideHeight, strideWidth), top, bottom, left, right)
        const turned = derived(wasm as WasmBackend, filter, 'turned', () =>
          turnedAndSwapped(filter, wasm as WasmBackend),
        )
        const attrs = { strides: [1, 1], pad: 'valid', dataFormat: 'NHWC', dilations: [1, 1] }
        return convolve({ inputs: { x: spread, filter: turned }, attrs, backend: wasm as object }) as tf.Tensor
      }),
  )
}

/**
 * The filter turned by 180 degrees, inputs and outputs swapped: [kh, kw, a, b] -> [kh, kw, b, a]. Written straight into
 * the heap: as split, concat and transpose it takes half as long as the convolutions of a recognizer's gradient.
 */
function turnedAndSwapped(filter: tf.Tensor4D, backend: WasmBackend): tf.TensorInfo {
  const [kh, kw, a, b] = filter.shape
  const output = backend.makeOutput([kh, kw, b, a], 'float32')
  const from = backend.typedArrayFromHeap(filter)
  const to = backend.typedArrayFromHeap(output)
  const area = a * b
  for (let tap = 0; tap < kh * kw; tap++) {
    const source = tap * area
    const target = (kh * kw - 1 - tap) * area
    for (let j = 0; j < b; j++) for (let i = 0; i < a; i++) to[target + j * a + i] = from[source + i * b + j]!
  }
  return output
}

// The wasm backend has neither gradient of a depthwise convolution: "Kernel 'DepthwiseConv2dNativeBackpropInput' not
// registered". Letters: n batch, c channels, q channel multiplier, kh kw filter, s stride.

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
