import { blur } from './blur.ts'
import type { Raster } from './resample-similarity.ts'

/**
 * Normalized convolution (Knutsson and Westin, CVPR 1993): the weighted mean of three channels about each pixel of a
 * square. Wide windows are worked out at a lower resolution.
 * @param values side * side * 3 values
 * @param weights side * side values, 0 or more
 * @param sigma standard deviation of the window in pixels
 * @param doubt where the weights' mean in the window is no more than this, half of the result is the prior
 * @param prior three values, or three for every pixel
 * @returns side * side * 3 values
 */
export function normalizedConvolution(
  values: Float32Array,
  weights: Float32Array,
  side: number,
  sigma: number,
  doubt: number,
  prior: ArrayLike<number>,
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
