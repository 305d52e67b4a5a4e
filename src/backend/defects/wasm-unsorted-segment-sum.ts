/**
 * The wasm backend has no UnsortedSegmentSum, which is the gradient of `gather`: "Kernel 'UnsortedSegmentSum' not
 * registered".
 */
import type * as tf from '@tensorflow/tfjs'
import type { WasmBackend } from '../web-assembly.ts'
import { overrideKernel } from './override.ts'

type Inputs = { x: tf.Tensor; segmentIds: tf.Tensor }

/** out[k, ...] = sum of x[i, ...] where segmentIds[i] = k; an id outside 0..numSegments-1 is dropped, as TensorFlow does. */
export function registerUnsortedSegmentSum(): void {
  overrideKernel<Inputs, { numSegments: number }>(
    'UnsortedSegmentSum',
    'wasm',
    ({ x, segmentIds }, { numSegments }, wasm) => {
      const backend = wasm as WasmBackend
      const output = backend.makeOutput([numSegments, ...x.shape.slice(segmentIds.rank)], x.dtype)
      const ids = backend.typedArrayFromHeap(segmentIds)
      const values = backend.typedArrayFromHeap(x)
      const sums = backend.typedArrayFromHeap(output)
      const width = values.length / ids.length
      sums.fill(0)
      ids.forEach((id, row) => {
        if (id < 0 || id >= numSegments) return
        for (let i = 0; i < width; i++) sums[id * width + i]! += values[row * width + i]!
      })
      return output
    },
  )
}
