/** The kinds of numbers that tensors of a file consist of, by safetensors' names, and how they become float32. */

// Half-precision floats (IEEE 754 binary16) and bfloat16, to and from float32: tfjs has neither.

const bits = new Uint32Array(1)
const float = new Float32Array(bits.buffer)

function halfToFloat(half: number): number {
  const sign = half & 0x8000 ? -1 : 1
  const exponent = (half >> 10) & 0x1f
  const fraction = half & 0x3ff
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

let table: Float32Array | undefined

/** Widens binary16 bit patterns to float32; every value is exact. */
export function fromFloat16(halves: Uint16Array): Float32Array {
  table ??= Float32Array.from({ length: 65536 }, (_, half) => halfToFloat(half))
  const out = new Float32Array(halves.length)
  for (let i = 0; i < out.length; i++) out[i] = table[halves[i]!]!
  return out
}

/** Widens bfloat16 bit patterns (the upper half of a float32) to float32; every value is exact. */
export function fromBfloat16(halves: Uint16Array): Float32Array {
  const out = new Uint32Array(halves.length)
  for (let i = 0; i < out.length; i++) out[i] = halves[i]! << 16
  return new Float32Array(out.buffer)
}

/** Rounds float32 to the nearest binary16, ties to even; beyond 65504 it becomes infinity. */
export function toFloat16(values: Float32Array): Uint16Array {
  const out = new Uint16Array(values.length)
  for (let i = 0; i < out.length; i++) out[i] = floatToHalf(values[i]!)
  return out
}

function floatToHalf(value: number): number {
  float[0] = value
  const u = bits[0]!
  const sign = (u >>> 16) & 0x8000
  const magnitude = u & 0x7fffffff
  if (magnitude > 0x7f800000) return sign | 0x7e00 // not a number
  if (magnitude >= 0x477ff000) return sign | 0x7c00 // rounds to infinity
  // Subnormal halves are multiples of 2^-24; adding 0.5 in float32 rounds to exactly that grid.
  if (magnitude < 0x38800000) {
    float[0] = Math.abs(value) + 0.5
    return sign | (bits[0]! - 0x3f000000)
  }
  // Rebias the exponent by 15 - 127, then round the 13 dropped bits to even.
  return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13)
}

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
