import * as tf from '@tensorflow/tfjs'
import { describe, expect, it } from 'vitest'
import { srgbToLab } from '../../../src/energies/tone.ts'
import { borderGradientRatio } from '../../../src/eval/metrics/border-gradient.ts'
import { isMeasured } from '../../../src/eval/metrics/definition.ts'
import { eyeDistance, innerFace, inside, skin } from '../../../src/eval/metrics/face-regions.ts'
import { highFrequencyRatio } from '../../../src/eval/metrics/high-frequency.ts'
import { skinGroup, skinTones } from '../../../src/eval/metrics/skin-tone.ts'
import { faceAt, noisy, painted } from './synthetic-face.ts'

const size = 160
const e = 40
const face = faceAt(80, 70, e)
const measured = <T>(result: T) => {
  if (!isMeasured(result)) throw new Error('expected a number')
  return result
}

describe('regions of a face', () => {
  it('are where the landmarks say, without eyes and mouth for the skin', () => {
    expect(eyeDistance(face)).toBeCloseTo(e, 6)
    const mask = inside({ width: size, height: size }, skin(face))
    const at = (x: number, y: number) => mask[Math.floor(y) * size + Math.floor(x)]
    expect(at(80 - 0.55 * e, 70 + 0.55 * e)).toBe(1) // a cheek
    expect(at(80, 70 + 0.3 * e)).toBe(1) // the nose
    expect(at(80, 70 - 0.6 * e)).toBe(1) // the forehead
    expect(at(80 - 0.5 * e, 70)).toBe(0) // an eye
    expect(at(80, 70 + e)).toBe(0) // the mouth
  })

  it('have the area of their polygons', () => {
    const square = [{ x: 10, y: 20 }, { x: 30, y: 20 }, { x: 30, y: 50 }, { x: 10, y: 50 }] // biome-ignore format: short
    expect(inside({ width: 40, height: 60 }, [square]).reduce((sum, is) => sum + is, 0)).toBe(20 * 30)
    // Beyond the picture there is nothing to count.
    const beyond = square.map(({ x, y }) => ({ x: x + 20, y }))
    expect(inside({ width: 40, height: 60 }, [beyond]).reduce((sum, is) => sum + is, 0)).toBe(10 * 30)
    expect(innerFace(face).length).toBeGreaterThan(8)
  })
})

describe('skin tone', () => {
  const colour = [200, 150, 130] as const
  it('is the mean CIE L*a*b* of the skin in both pictures', async () => {
    const darker = [170, 130, 110] as const
    const tones = measured(skinTones(noisy(size, colour), noisy(size, darker), face))
    const expected = await srgbToLab(tf.tensor2d([colour, darker].map(c => c.map(v => v / 255)))).array()
    for (const c of [0, 1, 2]) {
      expect(tones.original[c]).toBeCloseTo(expected[0]![c]!, 3)
      expect(tones.version[c]).toBeCloseTo(expected[1]![c]!, 3)
    }
  })

  it('leaves out what is no skin in the original', () => {
    // A black fringe over the forehead, which the version has not.
    const fringe = painted(noisy(size, colour), (_, y, value) => (y < 70 - 0.3 * e ? 20 : value))
    const tones = measured(skinTones(fringe, noisy(size, colour), face))
    expect(tones.version[0] - tones.original[0]).toBeCloseTo(0, 6)
  })

  it('has groups by the typology angle, and no number of no pixels', () => {
    expect([skinGroup([75, 10, 15]), skinGroup([58, 12, 18]), skinGroup([38, 12, 18])]).toEqual([
      'light',
      'medium',
      'dark',
    ])
    const away = faceAt(-400, -400, e)
    expect(skinTones(noisy(size, colour), noisy(size, colour), away)).toMatchObject({ unmeasured: expect.any(String) })
  })
})

describe('high-frequency energy', () => {
  const photo = noisy(size, [128, 128, 128], 10)
  it('is 1 of the same picture, 4 of twice the noise', () => {
    expect(measured(highFrequencyRatio(photo, photo, face))).toEqual({ face: 1, skin: 1 })
    const twice = painted(photo, (_x, _y, value) => 128 + 2 * (value - 128))
    const ratio = measured(highFrequencyRatio(photo, twice, face))
    expect(ratio.face).toBeCloseTo(4, 1)
    expect(ratio.skin).toBeCloseTo(4, 1)
  })

  it('does not see what is slow, nor what is outside of the face', () => {
    const shaded = painted(photo, (x, _y, value) => value + 0.2 * x)
    expect(measured(highFrequencyRatio(photo, shaded, face)).face).toBeCloseTo(1, 1)
    const outside = painted(photo, (x, _y, value) => (x < 25 ? 255 - value : value))
    expect(measured(highFrequencyRatio(photo, outside, face)).face).toBeCloseTo(1, 3)
  })

  it('is none of an original of one colour', () => {
    expect(highFrequencyRatio(noisy(size, [9, 9, 9]), photo, face)).toMatchObject({ unmeasured: expect.any(String) })
  })
})

describe('gradient across the border', () => {
  const photo = noisy(size, [128, 128, 128], 6)
  const within = (x: number, y: number) => Math.hypot(x - 80, y - 80) < 45
  it('is large at a seam, about 1 where the change fades in', () => {
    const seam = painted(photo, (x, y, value) => (within(x, y) ? value + 40 : value))
    expect(measured(borderGradientRatio(photo, seam, face))).toBeGreaterThan(1.8)
    const fading = painted(
      photo,
      (x, y, value) => value + 20 * Math.max(0, Math.min(1, (65 - Math.hypot(x - 80, y - 80)) / 50)),
    )
    expect(measured(borderGradientRatio(photo, fading, face))).toBeLessThan(1.2)
  })

  it('is below 1 where the version is smoother, and does not look at holes or at other changes', () => {
    const rough = noisy(size, [128, 128, 128], 40)
    const smooth = painted(rough, (x, y, value) => (Math.hypot(x - 80, y - 80) < 55 ? 128 : value))
    const ratio = measured(borderGradientRatio(rough, smooth, face))
    expect(ratio).toBeLessThan(1)
    // Somewhere in the middle nothing changed.
    const hole = painted(smooth, (x, y, value) => (Math.hypot(x - 80, y - 75) < 8 ? 0 : value))
    const holed = painted(rough, (x, y, value) => (Math.hypot(x - 80, y - 75) < 8 ? 0 : value))
    expect(measured(borderGradientRatio(holed, hole, face))).toBeCloseTo(ratio, 6)
    const elsewhere = painted(smooth, (x, y, value) => (x > 150 && y > 150 ? 255 : value))
    expect(measured(borderGradientRatio(rough, elsewhere, face))).toBeCloseTo(ratio, 6)
  })

  it('is none where nothing changed, or everything', () => {
    expect(borderGradientRatio(photo, photo, face)).toMatchObject({ unmeasured: expect.any(String) })
    const all = painted(photo, (_x, _y, value) => value + 60)
    expect(borderGradientRatio(photo, all, face)).toMatchObject({ unmeasured: expect.any(String) })
  })
})
