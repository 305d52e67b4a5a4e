import { describe, expect, it } from 'vitest'
import { backgroundChange } from '../../../src/eval/metrics/background-change.ts'
import { boxDistance } from '../../../src/eval/metrics/detection.ts'
import { landmarkDistance } from '../../../src/eval/metrics/landmarks.ts'

const picture = { width: 512, height: 128 }

describe('distances in pixels of 256 x 256', () => {
  it('of boxes is the mean over their four sides', () => {
    const box = { x: 100, y: 20, width: 200, height: 60 }
    // Left and right move by 10 of 512, top stays, bottom moves by 6 of 128.
    const moved = { x: 110, y: 20, width: 200, height: 66 }
    expect(boxDistance(box, moved, picture)).toBe((5 + 5 + 0 + 12) / 4)
    expect(boxDistance(box, box, picture)).toBe(0)
  })

  it('of landmarks is the mean over their coordinates', () => {
    const a = [{ x: 10, y: 10 }, { x: 30, y: 40 }] // biome-ignore format: short
    const b = [{ x: 14, y: 9 }, { x: 30, y: 40 }] // biome-ignore format: short
    expect(landmarkDistance(a, b, picture)).toBe((2 + 2) / 4)
    expect(() => landmarkDistance(a, b.slice(1), picture)).toThrow('found 2 and 1')
  })
})

describe('background change', () => {
  const flat = (value: number) => ({ width: 2, height: 2, data: new Uint8Array(12).fill(value) })

  it('is of the pixels outside of the mask', () => {
    const changed = flat(100)
    changed.data.set([0, 0, 0, 100, 106, 100], 0) // the first pixel is face
    const change = backgroundChange(flat(100), changed, [1, 0, 0.4, 0.5])
    expect(change).toEqual({ mae: 6 / 9, psnr: 10 * Math.log10(255 ** 2 / (36 / 9)), pixels: 3 })
  })

  it('has an infinite PSNR where nothing changed, and is none without a background', () => {
    expect(backgroundChange(flat(9), flat(9), [0, 0, 0, 0])).toMatchObject({ mae: 0, psnr: Number.POSITIVE_INFINITY })
    expect(backgroundChange(flat(9), flat(8), [1, 1, 1, 1])).toMatchObject({ unmeasured: expect.any(String) })
  })

  it('refuses a mask of another size', () => {
    expect(() => backgroundChange(flat(0), flat(0), [0])).toThrow('expected a mask of 4 pixels, found 1')
  })
})
