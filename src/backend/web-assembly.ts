/** WebAssembly's interface, as much of it as is used here: TypeScript has its types only among those of browsers. */
import type * as tf from '@tensorflow/tfjs'

export type Program = object

export interface Memory {
  readonly buffer: ArrayBuffer
}

export interface Global {
  value: number
}

type Constructor<Arguments extends unknown[], Instance> = new (...options: Arguments) => Instance

export const webAssembly = (globalThis as unknown as { WebAssembly: object }).WebAssembly as {
  validate(bytes: Uint8Array): boolean
  readonly Module: Constructor<[bytes: Uint8Array], Program> & {
    customSections(program: Program, name: string): ArrayBuffer[]
  }
  readonly Instance: Constructor<
    [program: Program, imports: Record<string, Record<string, unknown>>],
    { readonly exports: Readonly<Record<string, () => void>> }
  >
  readonly Global: Constructor<[type: { value: 'i32'; mutable?: boolean }, value: number], Global>
  readonly Table: Constructor<[{ initial: number; element: 'anyfunc' }], object>
}

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
