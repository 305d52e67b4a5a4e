import { describe, expect, it } from 'vitest'
import { colourField, darkOffset } from '../../src/faces/colour-field.ts'
import { compositeQuality } from '../../src/faces/composite-quality.ts'
import { faceRegions } from '../../src/faces/face-regions.ts'
import { guidedFilter, normalizedConvolution } from '../../src/faces/filters.ts'
import type { Raster } from '../../src/faces/resample-similarity.ts'
import { bareFace, hairStrands, skinProbability } from '../../src/faces/skin.ts'
import { meanLandmarks } from '../../src/faces/template.ts'

const side = 128
const regions = faceRegions(meanLandmarks(side), side)
const light = [205, 160, 140]
const dark = [82, 54, 42]

/** A face all of skin, shaded from left to right, on a grey-green ground, and what `over` puts in its place. */
function face(skin: number[], over: (x: number, y: number) => number[] | undefined = () => undefined): Raster {
  const data = new Float32Array(side * side * 3)
  for (let i = 0; i < side * side; i++) {
    const [x, y] = [i % side, Math.floor(i / side)]
    const shade = 0.85 + (0.3 * x) / side + 0.02 * Math.sin(13 * x + 7 * y)
    const colour = regions.outline[i]! > 0 ? skin.map(v => v * shade) : [90, 120, 90]
    data.set(over(x, y) ?? colour, 3 * i)
  }
  return { width: side, height: side, channels: 3, data }
}

const mean = (map: ArrayLike<number>, chosen: (i: number) => boolean) => {
  let [sum, count] = [0, 0]
  for (let i = 0; i < map.length; i++) {
    if (!chosen(i)) continue
    sum += map[i]!
    count++
  }
  return sum / count
}

describe.each([
  ['light', light],
  ['dark', dark],
])('on %s skin', (_, skin) => {
  const fringe = Math.round(meanLandmarks(side)[19]!.y - 14)

  it('finds skin on the face and none around it', () => {
    const found = skinProbability(face(skin), regions)
    expect(mean(found, i => regions.outline[i]! > 0.9)).toBeGreaterThan(0.95)
    expect(mean(found, i => regions.outline[i] === 0)).toBeLessThan(0.1)
  })

  it('spares single hairs on the forehead, and no wrinkle', () => {
    const [left, top] = [side / 2 + 3, fringe - 6]
    const hair = face(skin, (x, y) =>
      Math.abs(x - left) < 1 && y >= top && y < top + 14 ? skin.map(v => v / 2) : undefined,
    )
    const wrinkle = face(skin, (x, y) =>
      Math.abs(y - top) < 1 && Math.abs(x - left) < 9 ? skin.map(v => v / 2) : undefined,
    )
    expect(
      mean(
        hairStrands(hair, side),
        i => Math.abs((i % side) - left) < 1 && Math.abs(Math.floor(i / side) - top - 7) < 5,
      ),
    ).toBe(1)
    expect(mean(hairStrands(wrinkle, side), i => regions.forehead[i]! > 0.5 && regions.outline[i]! > 0.9)).toBe(0)
    const bare = bareFace(skinProbability(hair, regions), regions, hairStrands(hair, side))
    expect(bare[(top + 7) * side + left]).toBe(0)
    expect(bare[(top + 7) * side + left + 6]).toBe(1)
  })

  it('spares a fringe, to its edge', () => {
    const bare = bareFace(
      skinProbability(
        face(skin, (_x, y) => (y < fringe ? [18, 14, 12] : undefined)),
        regions,
      ),
      regions,
    )
    expect(mean(bare, i => regions.outline[i]! > 0.5 && Math.floor(i / side) < fringe - 2)).toBeLessThan(0.05)
    expect(mean(bare, i => regions.outline[i]! > 0.5 && Math.floor(i / side) > fringe + 3)).toBeGreaterThan(0.95)
  })

  it('never gives up eyes, nose and mouth, whatever is before them', () => {
    const covered = face(skin, (_x, y) => (y > 30 ? [20, 200, 30] : undefined))
    const bare = bareFace(skinProbability(covered, regions), regions)
    expect(mean(bare, i => regions.core[i]! > 0.99)).toBe(1)
  })

  it('keeps a highlight on the forehead, which no border touches', () => {
    const spot = (x: number, y: number) => Math.hypot(x - 64, y - fringe + 3) < 5
    const lit = face(skin, (x, y) => (spot(x, y) ? [240, 240, 240] : undefined))
    const bare = bareFace(skinProbability(lit, regions), regions)
    expect(mean(bare, i => spot(i % side, Math.floor(i / side)))).toBe(1)
  })
})

describe('colourField', () => {
  const whole = regions.outline
  const corrected = (generated: Raster, gains: Raster) =>
    generated.data.map((v, k) => (v + darkOffset) * gains.data[k]! - darkOffset)

  it('takes a lighter face to dark skin', () => {
    const [photo, generated] = [face(dark), face([120, 88, 70])]
    const gains = colourField(photo, generated, whole, whole, regions)
    const result = corrected(generated, gains)
    for (const c of [0, 1, 2]) {
      const difference = mean(
        result.map((v, k) => v - photo.data[k]!),
        k => k % 3 === c && whole[Math.floor(k / 3)]! > 0.9,
      )
      expect(Math.abs(difference)).toBeLessThan(4)
    }
  })

  it('does not take a shadow in the photo for a tone: a dark patch moves the field little', () => {
    const patch = (x: number, y: number) => x < 44 && y > 80 && y < 100
    const photo = face(light, (x, y) => (patch(x, y) ? [40, 30, 25] : undefined))
    const gains = colourField(photo, face(light), whole, whole, regions)
    for (const k of gains.data.keys()) {
      if (whole[Math.floor(k / 3)]! > 0.5) expect(Math.abs(gains.data[k]! - 1)).toBeLessThan(0.12)
    }
  })

  it('darkens the whites of the eyes less than the skin', () => {
    const white = (x: number, y: number) => (regions.whites[y * side + x]! > 0.99 ? [235, 235, 235] : undefined)
    const gains = colourField(face(dark, white), face([130, 96, 78], white), whole, whole, regions)
    const gainOf = (chosen: (i: number) => boolean) => mean(gains.data, k => chosen(Math.floor(k / 3)))
    const [eyes, skin] = [gainOf(i => regions.whites[i]! > 0.99), gainOf(i => whole[i]! > 0.99 && !regions.features[i])]
    expect(skin).toBeLessThan(0.75)
    expect(eyes).toBeGreaterThan(skin + 0.1)
  })

  it('is bounded, whatever the faces', () => {
    const gains = colourField(face([2, 2, 2]), face([250, 250, 250]), whole, whole, regions)
    for (const gain of gains.data) expect(gain > 0.2 && gain < 4).toBe(true)
  })
})

describe('guidedFilter', () => {
  it("draws a coarse mask to the guide's edge", () => {
    const guide = Float32Array.from({ length: 64 * 64 }, (_, i) => (i % 64 < 32 ? 0.2 : 0.8))
    const mask = Float32Array.from({ length: 64 * 64 }, (_, i) => (i % 64 < 30 ? 0 : 1))
    const { slope, offset } = guidedFilter(guide, mask, { width: 64, height: 64 }, 4, 1e-4)
    const at = (x: number) => slope[32 * 64 + x]! * guide[32 * 64 + x]! + offset[32 * 64 + x]!
    expect(at(33) - at(30)).toBeGreaterThan(0.6)
  })
})

describe('normalizedConvolution', () => {
  it.each([2, 12])('is the mean of what has weight, the prior where nothing has, window %i', sigma => {
    const values = Float32Array.from({ length: 64 * 64 * 3 }, (_, k) => (Math.floor(k / 3) % 64 < 32 ? 5 : 900))
    const weights = Float32Array.from({ length: 64 * 64 }, (_, i) => (i % 64 < 24 ? 1 : 0))
    const result = normalizedConvolution(values, weights, 64, { sigma, doubt: 1e-3, prior: [1, 2, 3] })
    expect(result[3 * (32 * 64 + 4)]).toBeCloseTo(5, 1)
    const far = normalizedConvolution(values, weights, 64, { sigma: 2, doubt: 1e-3, prior: [1, 2, 3] })
    expect([...far.subarray(3 * (32 * 64 + 60), 3 * (32 * 64 + 60) + 3)]).toEqual([1, 2, 3])
  })
})

describe('compositeQuality', () => {
  const image = (value: (x: number, y: number) => number) => ({
    width: 64,
    height: 64,
    data: Uint8Array.from({ length: 64 * 64 * 3 }, (_, k) => value(Math.floor(k / 3) % 64, Math.floor(k / 192))),
  })
  const mask = Float32Array.from({ length: 64 * 64 }, (_, i) =>
    Math.min(1, Math.max(0, (24 - Math.hypot((i % 64) - 32, Math.floor(i / 64) - 32)) / 4)),
  )
  const texture = image((x, y) => 120 + ((x * 7 + y * 13) % 9) * 4)

  it('finds nothing where nothing changed', () => {
    const { detail, border, lightness, tint } = compositeQuality(texture, texture, mask)
    expect([detail, border, lightness, tint]).toEqual([1, 1, 0, 0])
  })

  it('sees a smoother inside, a lighter one and a seam', () => {
    const smooth = image((x, y) => (mask[y * 64 + x]! > 0 ? 136 : texture.data[3 * (y * 64 + x)]!))
    expect(compositeQuality(texture, smooth, mask).detail).toBeLessThan(0.2)
    const lighter = image((x, y) => texture.data[3 * (y * 64 + x)]! + (mask[y * 64 + x]! > 0.5 ? 60 : 0))
    const found = compositeQuality(texture, lighter, mask)
    expect(found.lightness).toBeGreaterThan(15)
    expect(found.border).toBeGreaterThan(1.2)
    expect(found.tint).toBeLessThan(1)
  })

  it('refuses pictures of two sizes', () => {
    expect(() => compositeQuality(texture, { ...texture, width: 32, height: 128 }, mask)).toThrow(/one size/)
  })
})
