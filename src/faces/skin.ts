/** Where an aligned face shows skin, by a colour model of this very face, and what covers it: hair, hats, hands. */

import type { FaceRegions } from './face-regions.ts'
import { smoothStep } from './face-regions.ts'
import { blur, normalizedConvolution } from './filters.ts'
import type { Raster } from './resample-similarity.ts'

/** Standard deviations of Y, Cb, Cr (0..255) that skin of a luma of 128 or more is granted, and dark skin half of it. */
const leastDeviation = [13, 4.5, 4.5] as const

/** Squared distance of a colour to the skin's, in standard deviations, at which it is as likely skin as not. */
const halfway = 12

/**
 * How likely each pixel shows the skin of this face: its distance in Y, Cb and Cr to the mean colour of the cheeks and the
 * nose about it, in robust standard deviations of these, and the same of its texture, hair being coarser than skin.
 * @param face side x side, three channels in 0..255
 * @returns side * side values in 0..1
 */
export function skinProbability(
  face: Raster,
  { side, outline, core, features, forehead, chin }: FaceRegions,
): Float32Array {
  const n = side * side
  const colours = toYCbCr(blur(face, side / 256).data)
  const texture = textureOf(face, side)
  const sampled = new Float32Array(n)
  for (let i = 0; i < n; i++) {
    if (!features[i]) sampled[i] = core[i]! * outline[i]! * (1 - forehead[i]!) * (1 - chin[i]!)
  }
  let weights = sampled
  let squares = new Float32Array(n)
  for (let round = 0; round < 3; round++) {
    const means = localMeans(colours, weights, side)
    const deviation = deviations(colours, means, weights)
    squares = new Float32Array(n)
    for (let i = 0; i < n; i++) squares[i] = squaredDistance(colours, means, 3 * i, deviation)
    weights = new Float32Array(n)
    for (let i = 0; i < n; i++) if (squares[i]! < 9) weights[i] = sampled[i]! * (1 - squares[i]! / 9) ** 2
  }
  const usual = meanAndDeviation(texture, weights)
  return squares.map((square, i) => {
    const coarse = Math.max(0, Math.min(3, (texture[i]! - usual.mean) / Math.max(0.35, usual.deviation) - 1))
    return 1 / (1 + Math.exp((square + coarse * coarse - halfway) / 2))
  })
}

/**
 * 1 where the face is bare and 0 where something covers it: what is unlike skin and connected with the outside of the
 * outline, on the forehead and along the outline. Never the core; no beard: where most of chin and jaw are unlike skin,
 * they are left alone.
 * @param strands 1 where single hairs lie, which cover a forehead without being connected with the outside
 */
export function bareFace(
  skin: Float32Array,
  { side, outline, depth, core, forehead, chin }: FaceRegions,
  strands?: Uint8Array,
): Float32Array {
  const bearded = shareOf(skin, i => chin[i]! * smoothStep(2 * depth[i]! - 0.4)) < 0.55
  const n = side * side
  const open = new Uint8Array(n) // may be covered, and looks it
  for (let i = 0; i < n; i++) {
    const near = Math.max(forehead[i]!, 1 - smoothStep((depth[i]! - 0.45) / 0.3))
    const allowed = near * (1 - core[i]!) * (bearded ? 1 - chin[i]! : 1)
    const unlike = skin[i]! < 0.5 - 0.3 * chin[i]! || strands?.[i]
    if (outline[i]! < 0.02 || (unlike && allowed > 0.5)) open[i] = 1
  }
  const covered = floodFrom(open, side, i => outline[i]! < 0.02 || (strands?.[i] === 1 && forehead[i]! > 0.5))
  return Float32Array.from(covered, value => 1 - value)
}

/** Of a strand of hair: its greatest width and least height, relative to the side, and how much darker it is than the skin beside it. */
const widestStrand = 0.045
const leastHeight = 0.06
const leastContrast = 0.05

/**
 * Where single strands of hair lie on the skin: dark lines across many rows. Wrinkles of a forehead lie along the rows, and
 * freckles are short.
 * @param face side x side, three channels in 0..255
 * @returns side * side values, 1 on strands and next to them
 */
export function hairStrands(face: Raster, side: number): Uint8Array {
  const smooth = blur(face, side / 400).data
  const found = new Uint8Array(side * side)
  const reach = Math.round((widestStrand * side) / 2)
  for (let y = 0; y < side; y++) {
    const luma = Float32Array.from({ length: side }, (_, x) => lumaOf(smooth, 3 * (y * side + x)))
    const filled = slide(slide(luma, reach, Math.max), reach, Math.min)
    for (let x = 0; x < side; x++) {
      if ((filled[x]! - luma[x]!) / (filled[x]! + 16) < leastContrast) continue
      for (let j = Math.max(0, y - 1); j <= Math.min(side - 1, y + 1); j++)
        for (let i = Math.max(0, x - 1); i <= Math.min(side - 1, x + 1); i++) found[j * side + i] = 1
    }
  }
  return tall(found, side)
}

/** The connected parts of a mask that are at least `leastHeight` high. */
function tall(mask: Uint8Array, side: number): Uint8Array {
  const [seen, kept] = [new Uint8Array(mask.length), new Uint8Array(mask.length)]
  for (let start = 0; start < mask.length; start++) {
    const part = flood(mask, side, start, seen)
    const last = part.reduce((most, i) => Math.max(most, i), start)
    if (Math.floor(last / side) - Math.floor(start / side) < leastHeight * side) continue
    for (const i of part) kept[i] = 1
  }
  return kept
}

/** The extreme of the values up to `reach` away from each. */
function slide(values: Float32Array, reach: number, extreme: (...values: number[]) => number): Float32Array {
  return values.map((_, x) => extreme(...values.subarray(Math.max(0, x - reach), x + reach + 1)))
}

/** The pixels of `open` that are connected with one of the seeds. */
function floodFrom(open: Uint8Array, side: number, isSeed: (i: number) => boolean): Uint8Array {
  const reached = new Uint8Array(open.length)
  for (let i = 0; i < open.length; i++) if (isSeed(i)) flood(open, side, i, reached)
  return reached
}

/** Marks the pixels of `open` that are connected with a seed as reached. @returns those that were not */
function flood(open: Uint8Array, side: number, seed: number, reached: Uint8Array): number[] {
  const part: number[] = []
  const visit = (i: number) => {
    if (!open[i] || reached[i]) return
    reached[i] = 1
    part.push(i)
  }
  visit(seed)
  // Grows while it is walked.
  for (let k = 0; k < part.length; k++) {
    const i = part[k]!
    if (i % side) visit(i - 1)
    if ((i + 1) % side) visit(i + 1)
    if (i >= side) visit(i - side)
    if (i + side < open.length) visit(i + side)
  }
  return part
}

function shareOf(values: Float32Array, weight: (i: number) => number): number {
  let [sum, total] = [0, 1e-9]
  values.forEach((value, i) => {
    const w = weight(i)
    sum += w * value
    total += w
  })
  return sum / total
}

/** Weighted means about each pixel, over a wider window where there is little to average, and over all where nothing. */
function localMeans(colours: Float32Array, weights: Float32Array, side: number): Float32Array {
  const total = [0, 1, 2].map(c => {
    let [sum, all] = [0, 1e-9]
    for (let i = 0; i < weights.length; i++) {
      sum += weights[i]! * colours[3 * i + c]!
      all += weights[i]!
    }
    return sum / all
  })
  const wide = normalizedConvolution(colours, weights, side, { sigma: 0.25 * side, doubt: 1e-3, prior: total })
  return normalizedConvolution(colours, weights, side, { sigma: 0.09 * side, doubt: 0.05, prior: wide })
}

function deviations(colours: Float32Array, means: Float32Array, weights: Float32Array): number[] {
  const sums = [0, 0, 0]
  let [total, level] = [1e-9, 0]
  for (let i = 0, k = 0; i < weights.length; i++, k += 3) {
    const w = weights[i]!
    if (w === 0) continue
    total += w
    level += w * means[k]!
    for (let c = 0; c < 3; c++) sums[c]! += w * (colours[k + c]! - means[k + c]!) ** 2
  }
  const granted = Math.min(1, Math.max(0.5, level / total / 128))
  return leastDeviation.map((least, c) => Math.max(granted * least, Math.sqrt(sums[c]! / total)))
}

function meanAndDeviation(values: Float32Array, weights: Float32Array): { mean: number; deviation: number } {
  let [sum, squares, total] = [0, 0, 1e-9]
  values.forEach((value, i) => {
    const w = weights[i]!
    sum += w * value
    squares += w * value * value
    total += w
  })
  const mean = sum / total
  return { mean, deviation: Math.sqrt(Math.max(0, squares / total - mean * mean)) }
}

/** How far skin may go towards white in a highlight, the further the darker it is, and towards black in a shadow. */
const mostHighlight = (luma: number) => 0.4 + 0.3 * Math.max(0, 1 - luma / 140)
const mostShadow = 0.25

/**
 * Squared distance of a colour to the mean about it in standard deviations, after as much of the way to white (highlights
 * of the skin have the light's colour) or to black (shadows) as helps; the way costs up to 5.
 */
function squaredDistance(colours: Float32Array, means: Float32Array, k: number, deviation: readonly number[]): number {
  const dy = (colours[k]! - means[k]!) / deviation[0]!
  const db = (colours[k + 1]! - means[k + 1]!) / deviation[1]!
  const dr = (colours[k + 2]! - means[k + 2]!) / deviation[2]!
  const most = dy > 0 ? mostHighlight(means[k]!) : mostShadow
  const uy = ((dy > 0 ? 255 : 0) - means[k]!) / deviation[0]!
  const ub = -means[k + 1]! / deviation[1]!
  const ur = -means[k + 2]! / deviation[2]!
  const way = Math.min(most, Math.max(0, (dy * uy + db * ub + dr * ur) / (uy * uy + ub * ub + ur * ur + 1e-9)))
  return (dy - way * uy) ** 2 + (db - way * ub) ** 2 + (dr - way * ur) ** 2 + 5 * (way / most) ** 2
}

/** The logarithm of the local standard deviation of luma. */
function textureOf(face: Raster, side: number): Float32Array {
  const n = side * side
  const luma = new Float32Array(n)
  for (let i = 0; i < n; i++) luma[i] = lumaOf(face.data, 3 * i)
  const mean = blur({ width: side, height: side, channels: 1, data: luma }, side / 128).data
  const squares = luma.map((y, i) => (y - mean[i]!) ** 2)
  const variance = blur({ width: side, height: side, channels: 1, data: squares }, side / 100).data
  return variance.map(v => 0.5 * Math.log(v + 2))
}

export function lumaOf(data: Float32Array | Uint8Array, k: number): number {
  return 0.299 * data[k]! + 0.587 * data[k + 1]! + 0.114 * data[k + 2]!
}

function toYCbCr(data: Float32Array): Float32Array {
  const result = new Float32Array(data.length)
  for (let k = 0; k < data.length; k += 3) {
    const y = lumaOf(data, k)
    result[k] = y
    result[k + 1] = 0.564 * (data[k + 2]! - y)
    result[k + 2] = 0.713 * (data[k]! - y)
  }
  return result
}
