/**
 * Values made from names, so that two programs hold the same weights and inputs without a weight file between them:
 * h_i = fmix32(crc32(name) + i * 0x9E3779B1), u_i = h_i / 2^32 - 1/2, then scaled by what the name says. See
 * test/golden/README.md. Everything here is in PyTorch's layout and row-major order.
 */
import { crc32 } from 'node:zlib'

/** MurmurHash3's finalizer, of 32 bits to 32 bits. */
function fmix32(bits: number): number {
  let h = bits
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

/** `scale * u_i + offset` in float64, rounded to float32, for i < count. 860 million take about 10 seconds. */
function fill(name: string, count: number, scale: number, offset: number): Float32Array {
  const values = new Float32Array(count)
  const step = 0x9e3779b1 | 0
  let state = crc32(name) | 0
  for (let i = 0; i < count; i++) {
    values[i] = (fmix32(state) / 2 ** 32 - 0.5) * scale + offset
    state = (state + step) | 0
  }
  return values
}

const size = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1)

/** The weight called `name` of `shape`, as every golden file assumes it. */
export function proceduralWeight(name: string, shape: readonly number[]): Float32Array {
  const count = size(shape)
  if (name.endsWith('running_var')) return fill(name, count, 0.5, 1)
  if (name.endsWith('running_mean') || name.endsWith('bias')) return fill(name, count, 0.1, 0)
  if (shape.length <= 1) return fill(name, count, 0.2, 1)
  return fill(name, count, Math.sqrt(12 / (count / shape[0]!)), 0)
}

/** An input or a cotangent: zero mean, standard deviation `scale`. */
export function proceduralInput(name: string, shape: readonly number[], scale = 1): Float32Array {
  return fill(name, size(shape), Math.sqrt(12) * scale, 0)
}

/**
 * A picture of hard edges at every scale, [h, w, 3] of 0..255: the bytes of squares of 1, 2, 4 and 8 pixels, each with
 * colours of its own, added up; many are saturated.
 */
export function proceduralPicture(name: string, width: number, height: number): Uint8Array {
  const seed = crc32(name)
  const picture = new Uint8Array(height * width * 3)
  for (let j = 0; j < picture.length; j++) {
    const [c, x, y] = [j % 3, Math.floor(j / 3) % width, Math.floor(j / 3 / width)]
    let level = 0
    for (let k = 0; k < 4; k++) {
      const i = ((y >> k) * 4099 + (x >> k)) * 12 + 3 * k + c
      level += fmix32((seed + Math.imul(i, 0x9e3779b1)) | 0) * 2 ** k
    }
    const byte = Math.floor(Math.floor(level / 2 ** 24) / 15)
    picture[j] = Math.min(Math.max(2 * byte - 128, 0), 255)
  }
  return picture
}
