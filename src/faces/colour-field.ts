/** A smooth field of colour that takes a generated face to the light and the skin tone of its photo. */

import type { FaceRegions } from './face-regions.ts'
import { smoothStep } from './face-regions.ts'
import { blur, normalizedConvolution } from './filters.ts'
import type { Raster } from './resample-similarity.ts'
import { lumaOf } from './skin.ts'

/** Added to colours (0..255) before the logarithm: in the dark, gains become offsets, and noise does not count. */
export const darkOffset = 16

/** Windows of the field over the face and of the one along the border, relative to the side. */
const [wide, narrow] = [0.1, 0.03]

/**
 * How far logarithms may be moved: all channels together by the wide field, one against another, along the border, and by
 * the difference of medians.
 */
const [mostGain, mostTint, mostBorder, mostShift] = [0.8, 0.25, 0.22, 0.12]

/** Differences of logarithms from which pixels say less and less about the field: shadows and hair of one face only. */
const [outlier, borderOutlier] = [0.4, 0.22]

/**
 * The gains (v + 16) -> gain (v + 16) that a generated face needs to look as if taken in its photo. Two smooth fields of
 * differences of logarithms: a wide one, where both faces show skin, for tone and light; and a narrow one along the
 * border, for a seam that cannot be seen, fading inwards. Pixels that disagree with those about them count less or not.
 * @param photo, generated the face in the photo and the generated one, aligned, three channels in 0..255
 * @param both where both show skin, side * side values in 0..1
 * @param shown the composite's mask
 * @returns three gains a pixel
 */
export function colourField(
  photo: Raster,
  generated: Raster,
  both: Float32Array,
  shown: Float32Array,
  { side, depth, features, whites }: Pick<FaceRegions, 'side' | 'depth' | 'features' | 'whites'>,
): Raster {
  const n = side * side
  const difference = logRatio(blur(photo, 0.008 * side), blur(generated, 0.008 * side))
  const skin = both.map((value, i) => (features[i] ? 0 : value * shown[i]!))
  const middle = [0, 1, 2].map(c => weightedMedian(difference, c, skin))
  let field: Float32Array = Float32Array.from(difference, (_, k) => middle[k % 3]!)
  for (let round = 0; round < 2; round++) {
    const trusted = trust(difference, field, skin, outlier)
    field = normalizedConvolution(difference, trusted, side, { sigma: wide * side, doubt: 0.02, prior: middle })
  }
  limit(field)
  const shift = toneShift(photo, generated, field, shown, features)
  for (let k = 0; k < field.length; k++) field[k]! += shift
  const rim = skin.map((value, i) => value * (1 - depth[i]!) ** 2)
  const residual = difference.map((value, k) => value - field[k]!)
  const trusted = trust(residual, new Float32Array(3 * n), rim, borderOutlier)
  const border = normalizedConvolution(residual, trusted, side, { sigma: narrow * side, doubt: 0.06, prior: [0, 0, 0] })
  const logs = field.map((value, k) => value + Math.max(-mostBorder, Math.min(mostBorder, border[k]!)))
  spareWhites(logs, generated, skin, whites, side)
  const gains = logs.map(Math.exp)
  return { width: side, height: side, channels: 3, data: gains }
}

/**
 * What is missing to equal medians of the faces' brightness, as logarithms: deep shadows and highlights of one face only,
 * which the field does not follow, still make its tone.
 */
function toneShift(
  photo: Raster,
  generated: Raster,
  field: Float32Array,
  shown: Float32Array,
  features: Uint8Array,
): number {
  const [before, after] = [new Float64Array(bins), new Float64Array(bins)]
  for (let i = 0, k = 0; i < shown.length; i++, k += 3) {
    if (features[i] || shown[i]! < 0.5) continue
    const gain = Math.exp(lumaOf(field, k))
    before[binOf(Math.log(lumaOf(photo.data, k) + darkOffset))]!++
    after[binOf(Math.log((lumaOf(generated.data, k) + darkOffset) * gain))]!++
  }
  const shift = medianOf(before) - medianOf(after)
  return Math.max(-mostShift, Math.min(mostShift, shift))
}

/** What is brighter than the skin in eyes and mouth is darkened by no more than two fifths of what the skin is. */
function spareWhites(
  logs: Float32Array,
  generated: Raster,
  skin: Float32Array,
  whites: Float32Array,
  side: number,
): void {
  const level = normalizedConvolution(generated.data, skin, side, {
    sigma: wide * side,
    doubt: 1e-3,
    prior: [128, 128, 128],
  })
  whites.forEach((white, i) => {
    const k = 3 * i
    if (white === 0 || lumaOf(logs, k) >= 0) return
    const brightness = lumaOf(generated.data, k) / Math.max(1, lumaOf(level, k))
    const kept = 1 - 0.6 * white * smoothStep((brightness - 0.9) / 0.4)
    for (let c = 0; c < 3; c++) logs[k + c]! *= kept
  })
}

function logRatio(p: Raster, q: Raster): Float32Array {
  const log = (v: number) => Math.log(Math.max(1, v + darkOffset))
  return p.data.map((value, k) => log(value) - log(q.data[k]!))
}

/** Tukey's biweight of the distance of luma and colour to the field, times the weights. */
function trust(values: Float32Array, field: Float32Array, weights: Float32Array, outlier: number): Float32Array {
  return weights.map((w, i) => {
    if (w === 0) return 0
    let square = 0
    for (let c = 0; c < 3; c++) square += (values[3 * i + c]! - field[3 * i + c]!) ** 2 / 3
    const t = square / outlier ** 2
    return t < 1 ? w * (1 - t) ** 2 : 0
  })
}

function limit(field: Float32Array): void {
  const clamp = (value: number, most: number) => Math.max(-most, Math.min(most, value))
  for (let k = 0; k < field.length; k += 3) {
    const gain = lumaOf(field, k)
    for (let c = 0; c < 3; c++) field[k + c] = clamp(gain, mostGain) + clamp(field[k + c]! - gain, mostTint)
  }
}

function weightedMedian(values: Float32Array, channel: number, weights: Float32Array): number {
  const histogram = new Float64Array(bins)
  let total = 0
  for (let i = 0; i < weights.length; i++) {
    const w = weights[i]!
    histogram[binOf(values[3 * i + channel]!)]! += w
    total += w
  }
  return total > 0 ? medianOf(histogram) : 0
}

/** Histograms of logarithms from -8 to 8. */
const bins = 2048
const binOf = (value: number) => Math.max(0, Math.min(bins - 1, Math.round((value + 8) * 128)))

function medianOf(histogram: Float64Array): number {
  let [bin, rest] = [0, histogram.reduce((a, b) => a + b, 0) / 2]
  while (bin < bins - 1 && rest >= histogram[bin]!) rest -= histogram[bin++]!
  return bin / 128 - 8
}
