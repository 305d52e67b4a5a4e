import { describe, expect, it } from 'vitest'
import { ssim } from '../../../src/eval/metrics/ssim.ts'
import type { Image } from '../../../src/images/image.ts'
import { RandomStream } from '../../../src/util/random.ts'

const picture = (width: number, height: number, value: (i: number) => number): Image => ({
  width,
  height,
  data: Uint8Array.from({ length: width * height * 3 }, (_, i) => value(i)),
})
const flat = (value: number) => picture(16, 12, () => value)
const random = new RandomStream(0, 'picture')
const noise = picture(24, 20, () => random.integer(256))

describe('ssim', () => {
  it('is 1 for equal pictures and symmetric', () => {
    const negative = { ...noise, data: noise.data.map(value => 255 - value) }
    expect(ssim(noise, noise)).toBeCloseTo(1, 10)
    expect(ssim(noise, negative)).toBeLessThan(-0.5)
    expect(ssim(noise, negative)).toBeCloseTo(ssim(negative, noise), 12)
  })

  it('of flat pictures is its luminance term', () => {
    const c1 = 2.55 ** 2
    const expected = (2 * 50 * 100 + c1) / (50 ** 2 + 100 ** 2 + c1)
    expect(ssim(flat(50), flat(100))).toBeCloseTo(expected, 6)
  })

  it('of one window is the formula over that window', () => {
    const [a, b] = [
      picture(11, 11, i => (7 * Math.floor(i / 3)) % 256),
      picture(11, 11, i => (3 * Math.floor(i / 3)) % 256),
    ]
    let [total, mx, my, xx, yy, xy] = [0, 0, 0, 0, 0, 0]
    for (let i = 0; i < 121; i++) {
      const w = Math.exp(-(((i % 11) - 5) ** 2 + (Math.floor(i / 11) - 5) ** 2) / 4.5)
      const [x, y] = [a.data[3 * i]!, b.data[3 * i]!]
      total += w
      mx += w * x
      my += w * y
      xx += w * x * x
      yy += w * y * y
      xy += w * x * y
    }
    ;[mx, my, xx, yy, xy] = [mx / total, my / total, xx / total, yy / total, xy / total]
    const [c1, c2] = [2.55 ** 2, 7.65 ** 2]
    const expected =
      ((2 * mx * my + c1) * (2 * (xy - mx * my) + c2)) / ((mx * mx + my * my + c1) * (xx - mx * mx + yy - my * my + c2))
    expect(ssim(a, b)).toBeCloseTo(expected, 8)
  })

  it('refuses pictures smaller than its window', () => {
    const small = picture(10, 20, () => 0)
    expect(() => ssim(small, small)).toThrow('at least 11 x 11')
  })
})
