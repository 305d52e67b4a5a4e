/** The kinds of numbers that tensors of a file consist of, by safetensors' names, and how they become float32. */
import { fromBfloat16, fromFloat16 } from './float16.ts'

/** Bytes of one number. */
export const bytesPer = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
} as const

export type Dtype = keyof typeof bytesPer

/**
 * Little-endian numbers -> float32; halves are exact, doubles and large integers are rounded.
 * @param bytes in memory of their own, which the result may share
 */
export function toFloat32(dtype: Dtype, { buffer }: { readonly buffer: ArrayBuffer }): Float32Array {
  switch (dtype) {
    case 'F32':
      return new Float32Array(buffer)
    case 'F16':
      return fromFloat16(new Uint16Array(buffer))
    case 'BF16':
      return fromBfloat16(new Uint16Array(buffer))
    case 'F64':
      return Float32Array.from(new Float64Array(buffer))
    case 'I64':
      return Float32Array.from(new BigInt64Array(buffer), Number)
    case 'I32':
      return Float32Array.from(new Int32Array(buffer))
    case 'I16':
      return Float32Array.from(new Int16Array(buffer))
    case 'I8':
      return Float32Array.from(new Int8Array(buffer))
    case 'U64':
      return Float32Array.from(new BigUint64Array(buffer), Number)
    case 'U32':
      return Float32Array.from(new Uint32Array(buffer))
    case 'U16':
      return Float32Array.from(new Uint16Array(buffer))
    case 'U8':
    case 'BOOL':
      return Float32Array.from(new Uint8Array(buffer))
  }
}

/** Number of values in a tensor of this shape. */
export const count = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1)

/** Whether `value` is a list of sizes: integers from 0 on that a float64 holds exactly. */
export const isSizes = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every(n => Number.isSafeInteger(n) && n >= 0)
