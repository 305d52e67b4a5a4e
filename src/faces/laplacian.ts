/** Laplacian pyramids (Burt and Adelson, IEEE Trans. Communications 31(4), 1983), binomial filter 1 4 6 4 1. */
import type { Raster } from './resample-similarity.ts'

export interface LaplacianPyramid {
  /** Finest first; each is what its level has that the level above, expanded, has not. */
  readonly bands: readonly Raster[]
  readonly top: Raster
}

export function laplacianPyramid(raster: Raster, levels: number): LaplacianPyramid {
  const bands: Raster[] = []
  let top = raster
  for (let level = 0; level < levels && Math.min(top.width, top.height) > 1; level++) {
    const above = reduce(top)
    const data = expand(above, top.width, top.height).data
    for (let k = 0; k < data.length; k++) data[k] = top.data[k]! - data[k]!
    bands.push({ ...top, data })
    top = above
  }
  return { bands, top }
}

/** The picture of a pyramid; `adjust` may change the bands on the way, from the coarsest to the finest. */
export function collapse(
  { bands, top }: LaplacianPyramid,
  adjust: (value: number, k: number, level: number) => number = value => value,
): Raster {
  let raster = top
  for (let level = bands.length - 1; level >= 0; level--) {
    const band = bands[level]!
    const data = expand(raster, band.width, band.height).data
    for (let k = 0; k < data.length; k++) data[k]! += adjust(band.data[k]!, k, level)
    raster = { ...band, data }
  }
  return raster
}

/** Half the size, blurred; the edge repeated. */
export function reduce({ width, height, channels, data }: Raster): Raster {
  const [w, h] = [Math.ceil(width / 2), Math.ceil(height / 2)]
  const rows = new Float32Array(w * height * channels)
  for (let y = 0; y < height; y++) {
    const start = y * width * channels
    for (let x = 0, k = y * w * channels; x < w; x++) {
      const i = 2 * x
      const [p, q] = [start + Math.max(0, i - 2) * channels, start + Math.max(0, i - 1) * channels]
      const r = start + i * channels
      const [s, t] = [start + Math.min(width - 1, i + 1) * channels, start + Math.min(width - 1, i + 2) * channels]
      for (let c = 0; c < channels; c++, k++) {
        rows[k] = (data[p + c]! + data[t + c]! + 4 * (data[q + c]! + data[s + c]!) + 6 * data[r + c]!) / 16
      }
    }
  }
  const result = new Float32Array(w * h * channels)
  const row = w * channels
  for (let y = 0; y < h; y++) {
    const i = 2 * y
    const [p, q, r] = [Math.max(0, i - 2) * row, Math.max(0, i - 1) * row, i * row]
    const [s, t] = [Math.min(height - 1, i + 1) * row, Math.min(height - 1, i + 2) * row]
    for (let k = 0, to = y * row; k < row; k++, to++) {
      result[to] = (rows[p + k]! + rows[t + k]! + 4 * (rows[q + k]! + rows[s + k]!) + 6 * rows[r + k]!) / 16
    }
  }
  return { width: w, height: h, channels, data: result }
}

/** Up to twice the size: even places (1 6 1) / 8, odd ones (1 1) / 2 of their neighbours. */
export function expand({ width, height, channels, data }: Raster, toWidth: number, toHeight: number): Raster {
  const columns = new Float32Array(width * toHeight * channels)
  const row = width * channels
  for (let y = 0; y < toHeight; y++) {
    const i = y >> 1
    const [above, here, below] = [Math.max(0, i - 1) * row, i * row, Math.min(height - 1, i + 1) * row]
    const to = y * row
    if (y & 1) for (let k = 0; k < row; k++) columns[to + k] = 0.5 * (data[here + k]! + data[below + k]!)
    else
      for (let k = 0; k < row; k++)
        columns[to + k] = 0.125 * (data[above + k]! + data[below + k]!) + 0.75 * data[here + k]!
  }
  const result = new Float32Array(toWidth * toHeight * channels)
  for (let y = 0, k = 0; y < toHeight; y++) {
    const start = y * row
    for (let x = 0; x < toWidth; x++) {
      const i = x >> 1
      const here = start + i * channels
      const right = start + Math.min(width - 1, i + 1) * channels
      if (x & 1) for (let c = 0; c < channels; c++) result[k++] = 0.5 * (columns[here + c]! + columns[right + c]!)
      else {
        const left = start + Math.max(0, i - 1) * channels
        for (let c = 0; c < channels; c++)
          result[k++] = 0.125 * (columns[left + c]! + columns[right + c]!) + 0.75 * columns[here + c]!
      }
    }
  }
  return { width: toWidth, height: toHeight, channels, data: result }
}
