import type * as tf from '@tensorflow/tfjs'
import type { Memory } from '../web-assembly.ts'

/** The parts of the wasm backend that are about its memory. */
export interface WasmBackend {
  readonly wasm: {
    /** What the program itself exports. */
    readonly asm: { readonly memory: Memory; malloc(bytes: number): number; free(address: number): void }
    _malloc(bytes: number): number
  }
  readonly dataIdMap: { get(id: tf.TensorInfo['dataId']): { readonly memoryOffset: number } }
  /** Another tensor has these values. */
  incRef(id: tf.TensorInfo['dataId']): void
  /** One tensor fewer has them. @returns whether they are gone */
  disposeData(id: tf.TensorInfo['dataId'], force?: boolean): boolean
  makeOutput(shape: readonly number[], dtype: tf.DataType): tf.TensorInfo
  /** A view, valid until the next allocation: the heap moves when it grows. */
  typedArrayFromHeap(tensor: tf.TensorInfo): Float32Array | Int32Array | Uint8Array
}
