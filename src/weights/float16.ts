/** Half-precision floats (IEEE 754 binary16) and bfloat16, to and from float32: tfjs has neither. */

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
