/** Pictures seen through a similarity, fast enough for a megapixel: what `warp` does in seconds, in a tenth of one. */
import type { Image } from '../images/image.ts'
import { type Similarity, scaleOf } from './warp.ts'

/** A picture of numbers, row-major, channels interleaved; colours in 0..255. */
export interface Raster {
  readonly width: number
  readonly height: number
  readonly channels: number
  readonly data: Float32Array
}

/** What is beyond a picture: its edge repeated, or the picture mirrored in its edge. */
export type Edge = 'repeat' | 'reflect'

/**
 * The picture of `width` x `height` that a map from its coordinates to those of `source` shows. Where the map enlarges,
 * Catmull-Rom interpolation (Keys, 1981, a = -1/2). Where it shrinks by f, means over floor(f) x floor(f) source pixels
 * first, and of those the mean of 2 x 2 bilinear samples in every target pixel.
 * @returns values not rounded; Catmull-Rom may overshoot the source's range
 */
export function resampleSimilarity(
  source: Image | Raster,
  toSource: Similarity,
  width: number,
  height: number,
  edge: Edge = 'repeat',
): Raster {
  const channels = 'channels' in source ? source.channels : 3
  const shrink = Math.max(1, Math.floor(scaleOf(toSource) + 1e-6))
  const part = crop(source, channels, toSource, [width, height], shrink)
  const map = {
    a: toSource.a / shrink,
    b: toSource.b / shrink,
    tx: toSource.tx / shrink - part.left,
    ty: toSource.ty / shrink - part.top,
  }
  const lookUp = lookUpOf(part, edge)
  const data = new Float32Array(width * height * channels)
  if (scaleOf(map) > 1 + 1e-6) supersample(part, map, lookUp, { data, width, height })
  else catmullRom(part, map, lookUp, { data, width, height })
  return { width, height, channels, data }
}

/** The part of a picture that a map may need, shrunk; `whole*` and `left`, `top` are of the whole picture, shrunk. */
interface Part extends Raster {
  readonly left: number
  readonly top: number
  readonly wholeWidth: number
  readonly wholeHeight: number
}

function crop(
  source: Image | Raster,
  channels: number,
  { a, b, tx, ty }: Similarity,
  [width, height]: readonly [number, number],
  n: number,
): Part {
  const [wholeWidth, wholeHeight] = [Math.ceil(source.width / n), Math.ceil(source.height / n)]
  const xs = [tx, a * width + tx, -b * height + tx, a * width - b * height + tx]
  const ys = [ty, b * width + ty, a * height + ty, b * width + a * height + ty]
  const [left, right] = needed(xs, n, wholeWidth)
  const [top, bottom] = needed(ys, n, wholeHeight)
  const part = {
    left,
    top,
    wholeWidth,
    wholeHeight,
    width: right - left,
    height: bottom - top,
    channels,
    data: new Float32Array((right - left) * (bottom - top) * channels),
  }
  const row = source.width * channels
  if (n === 1) {
    for (let y = 0; y < part.height; y++) {
      const start = (y + top) * row + left * channels
      part.data.set(source.data.subarray(start, start + part.width * channels), y * part.width * channels)
    }
    return part
  }
  for (let y = 0, k = 0; y < part.height; y++) {
    const [y0, y1] = [(y + top) * n, Math.min(source.height, (y + top + 1) * n)]
    for (let x = 0; x < part.width; x++) {
      const [x0, x1] = [(x + left) * n, Math.min(source.width, (x + left + 1) * n)]
      const area = (x1 - x0) * (y1 - y0)
      for (let c = 0; c < channels; c++) {
        let sum = 0
        for (let v = y0; v < y1; v++) {
          for (let i = v * row + x0 * channels + c; i < v * row + x1 * channels; i += channels) sum += source.data[i]!
        }
        part.data[k++] = sum / area
      }
    }
  }
  return part
}

/** The shrunk pixels of one axis that an interpolation between these places reads; all of them where it may reflect. */
function needed(places: readonly number[], n: number, size: number): [from: number, to: number] {
  const from = Math.floor(Math.min(...places) / n) - 3
  const to = Math.ceil(Math.max(...places) / n) + 3
  if (from < 0 || to > size) return [0, size]
  return [from, to]
}

/** Takes indices of a part, possibly beyond it, to indices within it. */
type LookUp = { readonly column: (x: number) => number; readonly row: (y: number) => number }

function lookUpOf({ left, top, width, height, wholeWidth, wholeHeight }: Part, edge: Edge): LookUp {
  const fold = edge === 'reflect' ? reflect : (i: number, size: number) => Math.min(size - 1, Math.max(0, i))
  // Where less than the whole is there, nothing beyond the part is asked for but by rounding.
  const within = (i: number, size: number) => Math.min(size - 1, Math.max(0, i))
  return {
    column: x => within(fold(x + left, wholeWidth) - left, width),
    row: y => within(fold(y + top, wholeHeight) - top, height),
  }
}

/** ... 1 0 | 0 1 ... size - 1 | size - 1 ... */
function reflect(i: number, size: number): number {
  const period = 2 * size
  const k = ((i % period) + period) % period
  return k < size ? k : period - 1 - k
}

function catmullRom(
  { data, width, height, channels }: Part,
  { a, b, tx, ty }: Similarity,
  { column, row }: LookUp,
  { data: out, width: outWidth, height: outHeight }: Omit<Raster, 'channels'>,
): void {
  const offsets = new Int32Array(16)
  const weights = new Float64Array(16)
  for (let v = 0, k = 0; v < outHeight; v++) {
    for (let u = 0; u < outWidth; u++) {
      const x = a * (u + 0.5) - b * (v + 0.5) + tx - 0.5
      const y = b * (u + 0.5) + a * (v + 0.5) + ty - 0.5
      const x0 = Math.floor(x)
      const y0 = Math.floor(y)
      const s = x - x0
      const t = y - y0
      const p0 = first(s)
      const p1 = second(s)
      const p2 = second(1 - s)
      const p3 = first(1 - s)
      for (let j = 0; j < 4; j++) {
        const q = j === 0 ? first(t) : j === 1 ? second(t) : j === 2 ? second(1 - t) : first(1 - t)
        weights[4 * j] = q * p0
        weights[4 * j + 1] = q * p1
        weights[4 * j + 2] = q * p2
        weights[4 * j + 3] = q * p3
      }
      if (x0 >= 1 && y0 >= 1 && x0 + 2 < width && y0 + 2 < height) {
        const start = ((y0 - 1) * width + x0 - 1) * channels
        for (let c = 0; c < channels; c++) {
          let sum = 0
          for (let j = 0; j < 4; j++) {
            const i = start + j * width * channels + c
            sum +=
              weights[4 * j]! * data[i]! +
              weights[4 * j + 1]! * data[i + channels]! +
              weights[4 * j + 2]! * data[i + 2 * channels]! +
              weights[4 * j + 3]! * data[i + 3 * channels]!
          }
          out[k++] = sum
        }
        continue
      }
      for (let j = 0; j < 4; j++) {
        const start = row(y0 + j - 1) * width
        for (let i = 0; i < 4; i++) offsets[4 * j + i] = (start + column(x0 + i - 1)) * channels
      }
      for (let c = 0; c < channels; c++) {
        let sum = 0
        for (let i = 0; i < 16; i++) sum += weights[i]! * data[offsets[i]! + c]!
        out[k++] = sum
      }
    }
  }
}

/** Catmull-Rom weights of the pixel 1 + t before a place, and of the one t before it. */
const first = (t: number) => t * (-0.5 + t * (1 - 0.5 * t))
const second = (t: number) => 1 + t * t * (-2.5 + 1.5 * t)

function supersample(
  { data, width, height, channels }: Part,
  { a, b, tx, ty }: Similarity,
  { column, row }: LookUp,
  { data: out, width: outWidth, height: outHeight }: Omit<Raster, 'channels'>,
): void {
  for (let v = 0, k = 0; v < outHeight; v++) {
    for (let u = 0; u < outWidth; u++, k += channels) {
      for (let sub = 0; sub < 4; sub++) {
        const du = u + (sub & 1 ? 0.75 : 0.25)
        const dv = v + (sub & 2 ? 0.75 : 0.25)
        const x = a * du - b * dv + tx - 0.5
        const y = b * du + a * dv + ty - 0.5
        const x0 = Math.floor(x)
        const y0 = Math.floor(y)
        const s = x - x0
        const t = y - y0
        const inside = x0 >= 0 && y0 >= 0 && x0 + 1 < width && y0 + 1 < height
        const left = inside ? x0 : column(x0)
        const right = inside ? x0 + 1 : column(x0 + 1)
        const top = inside ? y0 : row(y0)
        const bottom = inside ? y0 + 1 : row(y0 + 1)
        const p = (top * width + left) * channels
        const q = (top * width + right) * channels
        const m = (bottom * width + left) * channels
        const n = (bottom * width + right) * channels
        for (let c = 0; c < channels; c++) {
          const upper = data[p + c]! * (1 - s) + data[q + c]! * s
          const lower = data[m + c]! * (1 - s) + data[n + c]! * s
          out[k + c]! += 0.25 * (upper * (1 - t) + lower * t)
        }
      }
    }
  }
}

/** Rounds and clamps the colours of a raster of three channels. */
export function toImage({ width, height, channels, data }: Raster): Image {
  if (channels !== 3) throw new Error(`toImage: expected 3 channels, found ${channels}`)
  const bytes = new Uint8ClampedArray(data) // rounds and clamps
  return { width, height, data: new Uint8Array(bytes.buffer) }
}

/** A picture as numbers in 0..255. */
export function toRaster({ width, height, data }: Image): Raster {
  return { width, height, channels: 3, data: new Float32Array(data) }
}
