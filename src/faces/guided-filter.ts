import { blur } from './blur.ts'
import type { Raster } from './resample-similarity.ts'

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
  width: number,
  height: number,
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
