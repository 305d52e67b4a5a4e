import type { Raster } from './resample-similarity.ts'

/**
 * Blurs by about a Gaussian: three box filters in a row each way (the boxes' widths as in Kovesi, DICTA 2010), the edge
 * repeated. The time does not depend on the width of the blur.
 * @param sigma standard deviation in pixels; under 0.3 nothing is blurred
 */
export function blur(raster: Raster, sigma: number): Raster {
  const { width, height, channels } = raster
  const data = raster.data.slice()
  const other = new Float32Array(data.length)
  for (const radius of boxRadii(sigma)) {
    if (radius < 1) continue
    boxRows(data, other, { width, height, channels }, radius)
    boxColumns(other, data, { width, height, channels }, radius)
  }
  return { width, height, channels, data }
}

/** Radii of three boxes whose variances add up to about sigma^2. */
function boxRadii(sigma: number): number[] {
  if (sigma < 0.3) return []
  const ideal = Math.sqrt(4 * sigma * sigma + 1) // width w of each of three boxes: 3 (w^2 - 1) / 12 = sigma^2
  const narrow = 2 * Math.floor((ideal - 1) / 2) + 1
  const wide = narrow + 2
  const count = Math.round((12 * sigma * sigma - 3 * narrow * narrow - 12 * narrow - 9) / (-4 * narrow - 4))
  return [0, 1, 2].map(i => ((i < count ? narrow : wide) - 1) / 2)
}

function boxRows(
  from: Float32Array,
  to: Float32Array,
  { width, height, channels }: Omit<Raster, 'data'>,
  radius: number,
) {
  const share = 1 / (2 * radius + 1)
  for (let y = 0; y < height; y++) {
    for (let c = 0; c < channels; c++) {
      const start = y * width * channels + c
      const last = start + (width - 1) * channels
      let sum = (radius + 1) * from[start]!
      for (let x = 1; x <= radius; x++) sum += from[Math.min(last, start + x * channels)]!
      let [enter, leave] = [start + (radius + 1) * channels, start - radius * channels]
      for (let here = start; here <= last; here += channels, enter += channels, leave += channels) {
        to[here] = sum * share
        sum += from[Math.min(enter, last)]! - from[Math.max(leave, start)]!
      }
    }
  }
}

function boxColumns(
  from: Float32Array,
  to: Float32Array,
  { width, height, channels }: Omit<Raster, 'data'>,
  radius: number,
) {
  const share = 1 / (2 * radius + 1)
  const row = width * channels
  const sums = new Float64Array(row)
  const startOf = (y: number) => Math.min(height - 1, Math.max(0, y)) * row
  for (let y = -radius; y <= radius; y++) {
    const start = startOf(y)
    for (let i = 0; i < row; i++) sums[i]! += from[start + i]!
  }
  for (let y = 0; y < height; y++) {
    const [enter, leave, here] = [startOf(y + radius + 1), startOf(y - radius), y * row]
    for (let i = 0; i < row; i++) {
      to[here + i] = sums[i]! * share
      sums[i]! += from[enter + i]! - from[leave + i]!
    }
  }
}

/** A line of the guide for every pixel: output = slope guide + offset. */
export interface GuidedLines {
  readonly slope: Float32Array
  readonly offset: Float32Array
}

/**
 * The guided filter (He et al., TPAMI 35(6), 2013) with a Gaussian window: what is smooth of `input` in the guide's terms.
 * Applied to a guide of higher resolution, the lines carry its edges (fast guided filter, arXiv 1505.00996).
 * @param guide, input width * height values
 * @param sigma of the window in pixels
 * @param epsilon variance of the guide from which its edges count
 */
export function guidedFilter(
  guide: Float32Array,
  input: Float32Array,
  { width, height }: { readonly width: number; readonly height: number },
  sigma: number,
  epsilon: number,
): GuidedLines {
  const n = width * height
  const moments = new Float32Array(4 * n)
  for (let i = 0; i < n; i++) {
    const g = guide[i]!
    const p = input[i]!
    moments[4 * i] = g
    moments[4 * i + 1] = p
    moments[4 * i + 2] = g * g
    moments[4 * i + 3] = g * p
  }
  const means = blur({ width, height, channels: 4, data: moments }, sigma).data
  const lines: Raster = { width, height, channels: 2, data: new Float32Array(2 * n) }
  for (let i = 0; i < n; i++) {
    const g = means[4 * i]!
    const p = means[4 * i + 1]!
    const slope = (means[4 * i + 3]! - g * p) / (means[4 * i + 2]! - g * g + epsilon)
    lines.data[2 * i] = slope
    lines.data[2 * i + 1] = p - slope * g
  }
  const smooth = blur(lines, sigma).data
  const [slope, offset] = [new Float32Array(n), new Float32Array(n)]
  for (let i = 0; i < n; i++) {
    slope[i] = smooth[2 * i]!
    offset[i] = smooth[2 * i + 1]!
  }
  return { slope, offset }
}

export interface WindowOptions {
  /** Standard deviation of the window in pixels. */
  readonly sigma: number
  /** Where the weights' mean in the window is no more than this, half of the result is the prior. */
  readonly doubt: number
  /** Three values, or three for every pixel. */
  readonly prior: ArrayLike<number>
}

/**
 * Normalized convolution (Knutsson and Westin, CVPR 1993): the weighted mean of three channels about each pixel of a
 * square. Wide windows are worked out at a lower resolution.
 * @param values side * side * 3 values
 * @param weights side * side values, 0 or more
 * @returns side * side * 3 values
 */
export function normalizedConvolution(
  values: Float32Array,
  weights: Float32Array,
  side: number,
  { sigma, doubt, prior }: WindowOptions,
): Float32Array {
  const factor = 2 ** Math.max(0, Math.min(3, Math.floor(Math.log2(sigma / 2.5))))
  const coarse = blur(weightedSums(values, weights, side, factor), sigma / factor)
  const result = new Float32Array(3 * side * side)
  const perPixel = prior.length > 3
  for (let y = 0, k = 0; y < side; y++) {
    const v = Math.min(coarse.height - 1, Math.max(0, (y + 0.5) / factor - 0.5))
    const y0 = Math.floor(v)
    const t = v - y0
    const upper = y0 * coarse.width
    const lower = Math.min(coarse.height - 1, y0 + 1) * coarse.width
    for (let x = 0; x < side; x++, k += 3) {
      const u = Math.min(coarse.width - 1, Math.max(0, (x + 0.5) / factor - 0.5))
      const x0 = Math.floor(u)
      const s = u - x0
      const x1 = Math.min(coarse.width - 1, x0 + 1)
      const p = 4 * (upper + x0)
      const q = 4 * (upper + x1)
      const m = 4 * (lower + x0)
      const n = 4 * (lower + x1)
      const wp = (1 - s) * (1 - t)
      const wq = s * (1 - t)
      const wm = (1 - s) * t
      const wn = s * t
      const { data } = coarse
      const total = wp * data[p + 3]! + wq * data[q + 3]! + wm * data[m + 3]! + wn * data[n + 3]! + doubt
      for (let c = 0; c < 3; c++) {
        const sum = wp * data[p + c]! + wq * data[q + c]! + wm * data[m + c]! + wn * data[n + c]!
        result[k + c] = (sum + doubt * prior[perPixel ? k + c : c]!) / total
      }
    }
  }
  return result
}

/** Per block of factor x factor pixels: the means of weight * value of three channels and of the weight. */
function weightedSums(values: Float32Array, weights: Float32Array, side: number, factor: number): Raster {
  const size = Math.ceil(side / factor)
  const data = new Float32Array(4 * size * size)
  const share = 1 / (factor * factor)
  for (let y = 0, i = 0; y < side; y++) {
    const row = Math.floor(y / factor) * size
    for (let x = 0; x < side; x++, i++) {
      const w = share * weights[i]!
      if (w === 0) continue
      const k = 4 * (row + Math.floor(x / factor))
      data[k]! += w * values[3 * i]!
      data[k + 1]! += w * values[3 * i + 1]!
      data[k + 2]! += w * values[3 * i + 2]!
      data[k + 3]! += w
    }
  }
  return { width: size, height: size, channels: 4, data }
}
