import { describe, expect, it } from 'vitest'
import { mae, psnr } from '../../../src/eval/metrics/pixel-error.ts'
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

describe('psnr', () => {
  it('of a difference of 10 everywhere is 20 log10(25.5)', () => {
    expect(psnr(flat(100), flat(110))).toBeCloseTo(20 * Math.log10(25.5), 10)
    expect(psnr(noise, noise)).toBe(Number.POSITIVE_INFINITY)
  })

  it('refuses pictures of different sizes', () => {
    expect(() => psnr(noise, flat(0))).toThrow('24 x 20 and 16 x 12')
  })
})

describe('mae', () => {
  it('is the mean of the absolute differences', () => {
    expect(mae(flat(100), flat(110))).toBe(10)
    const half = picture(16, 12, i => (i % 2 === 0 ? 100 : 97))
    expect(mae(flat(100), half)).toBe(1.5)
    expect(mae(noise, noise)).toBe(0)
  })

  it('refuses pictures of different sizes', () => {
    expect(() => mae(noise, flat(0))).toThrow('24 x 20 and 16 x 12')
  })
})
