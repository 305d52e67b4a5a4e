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
    boxRows(data, other, width, height, channels, radius)
    boxColumns(other, data, width, height, channels, radius)
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
  width: number,
  height: number,
  channels: number,
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
  width: number,
  height: number,
  channels: number,
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
