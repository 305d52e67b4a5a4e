import type { Image } from '../images/image.ts'
import { blur } from './filters.ts'
import { type Raster, toRaster } from './resample-similarity.ts'
import { lumaOf } from './skin.ts'

/** Period in pixels of the pattern that a generator's upsampling leaves: of three doublings and their parts. */
const period = 8

/** Scales in pixels: what is finer than the first may be pattern, and the pattern may change over the second. */
const [fine, window] = [3, 36]

/** Larger differences are edges and not pattern. */
const most = 7

/**
 * A generated picture without the faint grid in which generators repeat themselves: from each pixel's luma is taken the mean of
 * what is fine in it and in the pixels about it that lie a multiple of 8 apart (a comb filter). A picture that does not
 * repeat itself stays about as it is.
 */
export function removeGrid(image: Image): Raster {
  const { width, height } = image
  const raster = toRaster(image)
  const luma = new Float32Array(width * height)
  for (let i = 0; i < luma.length; i++) luma[i] = lumaOf(image.data, 3 * i)
  const smooth = blur({ width, height, channels: 1, data: luma }, fine).data
  const [columns, rows] = [Math.ceil(width / period), Math.ceil(height / period)]
  const channels = period * period
  const phases = new Float32Array(columns * rows * channels)
  const placeOf = (x: number, y: number) =>
    (Math.floor(y / period) * columns + Math.floor(x / period)) * channels + (y % period) * period + (x % period)
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      phases[placeOf(x, y)] = Math.max(-most, Math.min(most, luma[i]! - smooth[i]!))
    }
  }
  const pattern = blur({ width: columns, height: rows, channels, data: phases }, window / period).data
  for (let y = 0, k = 0; y < height; y++) {
    for (let x = 0; x < width; x++, k += 3) {
      const value = pattern[placeOf(x, y)]!
      for (let c = 0; c < 3; c++) raster.data[k + c]! -= value
    }
  }
  return raster
}
