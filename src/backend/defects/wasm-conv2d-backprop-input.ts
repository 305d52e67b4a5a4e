/**
 * The wasm backend's Conv2DBackpropInput is right but a plain loop: 1.6 GFLOP/s where its forward convolution does 28.
 * The input gradient is that forward convolution of the zero-inserted dy by the turned filter: 13 to 23 GFLOP/s at
 * stride 1, 6 at stride 2, and 26 where the filter is kept turned.
 */
import * as tf from '@tensorflow/tfjs'
import { type ConvAttributes, geometry, insertZeros, moveEdges, overrideKernel } from './override.ts'
import { derived } from './wasm-derived.ts'
import type { WasmBackend } from './wasm-heap.ts'

type Inputs = { dy: tf.Tensor4D; filter: tf.Tensor4D }

export function registerConv2dBackpropInput(): void {
  const convolve = tf.getKernel('Conv2D', 'wasm')!.kernelFunc
  overrideKernel<Inputs, ConvAttributes>('Conv2DBackpropInput', 'wasm', ({ dy, filter }, attributes, wasm) =>
    tf.tidy(() => {
      const info = geometry(attributes.inputShape!, filter.shape, attributes)
      const { filterHeight: kh, filterWidth: kw, inHeight, inWidth, strideHeight, strideWidth, padInfo } = info
      const [top, left] = [kh - 1 - padInfo.top, kw - 1 - padInfo.left]
      const bottom = inHeight + kh - 1 - top - info.outHeight * strideHeight
      const right = inWidth + kw - 1 - left - info.outWidth * strideWidth
      const spread = moveEdges(insertZeros(dy, strideHeight, strideWidth), top, bottom, left, right)
      const turned = derived(wasm as WasmBackend, filter, 'turned', () => turnedAndSwapped(filter, wasm as WasmBackend))
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
