/**
 * The wasm backend's MaxPoolGrad starts each window's maximum at the smallest positive float instead of minus infinity:
 * windows whose values are all negative lose their gradient, silently. Here the first largest value takes it.
 */
import * as tf from '@tensorflow/tfjs'
import type { WasmBackend } from '../web-assembly.ts'
import { overrideKernel } from './override.ts'

type Inputs = { dy: tf.Tensor4D; input: tf.Tensor4D }

interface PoolAttributes {
  filterSize: number | [number, number]
  strides: number | [number, number]
  pad: 'same' | 'valid' | number
  dimRoundingMode?: 'floor' | 'round' | 'ceil'
}

export function registerMaxPoolGrad(): void {
  overrideKernel<Inputs, PoolAttributes>('MaxPoolGrad', 'wasm', ({ dy, input }, attributes, wasm) => {
    const { filterSize, strides, pad, dimRoundingMode } = attributes
    const info = tf.backend_util.computePool2DInfo(input.shape, filterSize, strides, 1, pad, dimRoundingMode)
    const backend = wasm as WasmBackend
    const output = backend.makeOutput(input.shape, 'float32')
    const [x, dOut, dx] = [input, dy, output].map(t => backend.typedArrayFromHeap(t) as Float32Array)
    dx!.fill(0)
    spread(x!, dOut!, dx!, info)
    return output
  })
}

function spread(x: Float32Array, dy: Float32Array, dx: Float32Array, info: tf.backend_util.Conv2DInfo): void {
  const { batchSize, inChannels: c, inHeight, inWidth, outHeight, outWidth } = info
  for (let n = 0, out = 0; n < batchSize; n++)
    for (let oy = 0; oy < outHeight; oy++) {
      const y0 = oy * info.strideHeight - info.padInfo.top
      const y1 = Math.min(y0 + info.filterHeight, inHeight)
      for (let ox = 0; ox < outWidth; ox++) {
        const x0 = ox * info.strideWidth - info.padInfo.left
        const x1 = Math.min(x0 + info.filterWidth, inWidth)
        for (let channel = 0; channel < c; channel++, out++) {
          let largest = Number.NEGATIVE_INFINITY
          let at = -1
          for (let y = Math.max(0, y0); y < y1; y++)
            for (let column = Math.max(0, x0); column < x1; column++) {
              const index = ((n * inHeight + y) * inWidth + column) * c + channel
              if (x[index]! > largest) {
                largest = x[index]!
                at = index
              }
            }
          if (at >= 0) dx[at]! += dy[out]!
        }
      }
    }
}
