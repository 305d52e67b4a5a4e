import type * as tf from '@tensorflow/tfjs'

/** The parts of the wasm backend that give direct access to its memory. */
export interface WasmBackend {
  makeOutput(shape: readonly number[], dtype: tf.DataType): tf.TensorInfo
  /** A view, valid until the next allocation: the heap moves when it grows. */
  typedArrayFromHeap(tensor: tf.TensorInfo): Float32Array | Int32Array | Uint8Array
}
