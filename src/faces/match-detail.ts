/** Gives a generated face the sharpness and the grain of its photo, by bands of a Laplacian pyramid. */

import { type Randomness, RandomStream } from '../util/random.ts'
import { collapse, type LaplacianPyramid, laplacianPyramid } from './laplacian.ts'
import type { Raster } from './resample-similarity.ts'
import { lumaOf } from './skin.ts'

/** What is measured of one band within a face, in 0..255. */
interface BandStatistics {
  /** Standard deviation where skin is smooth: grain. */
  readonly flat: number
  /** Root mean square over the face, the strongest edges left out. */
  readonly all: number
  /** Standard deviation where the surroundings are smooth: pores and wrinkles are no grain. */
  readonly around?: number | undefined
}

/** What becomes of a band: value (small + (large - small) value^2 / (value^2 + knee^2)) + grain noise. */
export interface BandMatch {
  /** Gain of amplitudes under the knee: of the skin's texture. */
  readonly small: number
  /** Gain of amplitudes above it: of edges. */
  readonly large: number
  readonly knee: number
  /** Standard deviation of the grain that is added. */
  readonly grain: number
}

/** What a pixel shows, flags to be added: the face, and skin in the photo and in the generated face. */
export const [facePixel, photoSkin, generatedSkin] = [1, 2, 4] as const

/** How far bands are weakened, and strengthened: the finest two, and the others, which are features more than detail. */
const leastGain = 0.15
const mostGain = (level: number) => (level < 2 ? 3 : 1.6)

/**
 * The generated face as sharp and as grainy as the photo's (`matchBand`).
 * @param photo, generated the same part of the photo and of the generated face, three channels in 0..255
 * @param kinds what each pixel shows: sums of `facePixel`, `photoSkin` and `generatedSkin`
 * @param levels of the pyramid, each an octave
 * @param grain gives white noise
 */
export function matchDetail(photo: Raster, generated: Raster, kinds: Uint8Array, levels: number, draw: Grain): Raster {
  const ours = laplacianPyramid(generated, levels)
  const theirs = laplacianPyramid(lumaRaster(photo), levels)
  const around = theirs.bands.map((band, level) => flatDeviation(band, kind => kind === 0, kinds, photo.width, level))
  const photoStatistics = pyramidStatistics(theirs.bands, kinds, photoSkin).map((statistics, level) => ({
    ...statistics,
    around: around[level],
  }))
  const ownStatistics = pyramidStatistics(ours.bands.map(lumaRaster), kinds, generatedSkin)
  const matches = photoStatistics.map((statistics, level) => matchBand(statistics, ownStatistics[level]!, level))
  const noise = matches.map(({ grain }, level) => (grain > 0 ? grainBand(ours, level, draw) : undefined))
  return collapse(ours, (value, k, level) => {
    const { small, large, knee, grain } = matches[level]!
    const square = value * value
    const gain = small + ((large - small) * square) / (square + knee * knee)
    return gain * value + grain * (noise[level]?.[Math.floor(k / 3)] ?? 0)
  })
}

/** How far the grain of skin may exceed that of the surroundings. */
const grainOver = 1.5

/**
 * Gain g and grain a that give skin and face the photo's energies: g^2 flat_g^2 + a^2 = flat_p^2, g^2 all_g^2 + a^2 = all_p^2.
 * Where that asks for less than no grain, small amplitudes get a gain of their own; and grain is no more than the surroundings have.
 */
export function matchBand(photo: BandStatistics, generated: BandStatistics, level: number): BandMatch {
  const structure = (s: BandStatistics) => Math.max(0, s.all ** 2 - s.flat ** 2)
  const clamp = (gain: number) => Math.min(mostGain(level), Math.max(leastGain, gain))
  const gain = clamp(Math.sqrt((structure(photo) + 1e-3) / (structure(generated) + 1e-3)))
  const missing = photo.flat ** 2 - (gain * generated.flat) ** 2
  const knee = 3 * generated.flat + 1e-3
  const most = photo.around === undefined ? Number.POSITIVE_INFINITY : grainOver * photo.around + 0.3
  if (missing >= 0) return { small: gain, large: gain, knee, grain: Math.min(Math.sqrt(missing), most) }
  return { small: clamp((photo.flat + 0.03) / (generated.flat + 0.03)), large: gain, knee, grain: 0 }
}

/**
 * The statistics of a pyramid's bands. What a pixel of a band shows is taken from the full-size pixel in its place. Grain
 * is taken to lessen from band to band, as that of cameras does: what does not is texture.
 */
function pyramidStatistics(bands: readonly Raster[], kinds: Uint8Array, skin: number): BandStatistics[] {
  let most = Number.POSITIVE_INFINITY
  return bands.map((band, level) => {
    const { flat, all } = bandStatistics(band, kinds, skin, bands[0]!.width, level)
    const grain = Math.min(flat, most)
    most = 0.8 * grain
    return { flat: grain, all }
  })
}

function bandStatistics(
  { width, height, data }: Raster,
  kinds: Uint8Array,
  skin: number,
  fullWidth: number,
  level: number,
): BandStatistics {
  const all = new Float64Array(bins)
  for (let y = 0, k = 0; y < height; y++) {
    for (let x = 0; x < width; x++, k++) {
      if (kinds[(y << level) * fullWidth + (x << level)])
        all[Math.min(bins - 1, Math.floor(Math.abs(data[k]!) / binWidth))]!++
    }
  }
  const isSkin = (kind: number) => (kind & skin) > 0
  const flat = flatDeviation({ width, height, channels: 1, data }, isSkin, kinds, fullWidth, level) ?? 0
  const most = Math.max(quantile(all, 0.98), binWidth)
  let [squares, count] = [0, 1e-9]
  all.forEach((n, bin) => {
    squares += n * Math.min((bin + 0.5) * binWidth, most) ** 2
    count += n
  })
  return { flat, all: Math.max(flat, Math.sqrt(squares / count)) }
}

/** Side of the blocks in which skin is looked at, and the share of them that are smoother than what is taken for grain. */
const [block, smoothShare] = [6, 0.15]

/** The root mean square of that block relative to that of all, where all is grain. */
const smoothBias = 0.86

/** Root mean square of a band in the smoother ones of its blocks that are all of one kind; undefined where there is none. */
function flatDeviation(
  { width, height, data }: Raster,
  isMeant: (kind: number) => boolean,
  kinds: Uint8Array,
  fullWidth: number,
  level: number,
): number | undefined {
  const found: number[] = []
  for (let top = 0; top + block <= height; top += block) {
    for (let left = 0; left + block <= width; left += block) {
      let [sum, isWhole] = [0, true]
      for (let y = top; y < top + block && isWhole; y++) {
        for (let x = left; x < left + block; x++) {
          sum += data[y * width + x]! ** 2
          isWhole &&= isMeant(kinds[(y << level) * fullWidth + (x << level)]!)
        }
      }
      if (isWhole) found.push(Math.sqrt(sum) / block)
    }
  }
  found.sort((a, b) => a - b)
  const chosen = found[Math.floor(smoothShare * found.length)]
  return chosen === undefined ? undefined : chosen / smoothBias
}

const bins = 2048
const binWidth = 1 / 16

function quantile(histogram: Float64Array, share: number): number {
  let rest = share * histogram.reduce((a, b) => a + b, 0)
  if (rest === 0) return 0
  let bin = 0
  while (bin < histogram.length - 1 && rest > histogram[bin]!) rest -= histogram[bin++]!
  return (bin + rest / Math.max(1, histogram[bin]!)) * binWidth
}

function lumaRaster({ width, height, data }: Raster): Raster {
  const luma = new Float32Array(width * height)
  for (let i = 0; i < luma.length; i++) luma[i] = lumaOf(data, 3 * i)
  return { width, height, channels: 1, data: luma }
}

/** One band of white noise, of standard deviation 1. */
function grainBand({ bands }: LaplacianPyramid, level: number, draw: Grain): Float32Array {
  const { width, height } = bands[level]!
  const white = { width, height, channels: 1, data: draw(width * height, level) }
  const { data } = laplacianPyramid(white, 1).bands[0] ?? white
  const deviation = Math.sqrt(data.reduce((sum, value) => sum + value * value, 0) / data.length) || 1
  for (let i = 0; i < data.length; i++) data[i]! /= deviation
  return data
}

// The white noise that a composite's grain is made of.

/** `count` numbers of mean 0 and standard deviation about 1, for the band of a pyramid. */
export type Grain = (count: number, level: number) => Float32Array

/** The grain of a face: of a secret from its own stream; else, as of a seed, it is public, and always the same. */
export function grainOf(randomness?: Randomness, identity = ''): Grain {
  if (typeof randomness === 'string')
    return (count, level) => new RandomStream(randomness, 'grain', identity, level).normals(count)
  return seededGrain(1)
}

/** About normal: sums of the four bytes of a hash (lowbias32, by C. Wellons) of seed, level and place. */
export function seededGrain(seed: number): Grain {
  return (count, level) => {
    const noise = new Float32Array(count)
    const start = Math.imul(seed + level + 1, 0x9e3779b9)
    for (let i = 0; i < count; i++) {
      let h = (i ^ start) >>> 0
      h = Math.imul(h ^ (h >>> 16), 0x7feb352d)
      h = Math.imul(h ^ (h >>> 15), 0x846ca68b)
      h ^= h >>> 16
      noise[i] = ((h & 255) + ((h >>> 8) & 255) + ((h >>> 16) & 255) + (h >>> 24) - 510) / 148
    }
    return noise
  }
}
