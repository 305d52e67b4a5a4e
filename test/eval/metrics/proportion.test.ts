import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { proportion } from '../../../src/eval/metrics/bootstrap.ts'

describe('proportion', () => {
  it("has Wilson's interval: 8 of 10, and the closed forms at none and all", () => {
    const { rate, interval } = proportion(8, 10)
    expect(rate).toBe(0.8)
    expect(interval[0]).toBeCloseTo(0.4902, 4)
    expect(interval[1]).toBeCloseTo(0.9433, 4)
    const z2 = 1.959963984540054 ** 2
    expect(proportion(0, 50).interval).toEqual([0, expect.closeTo(z2 / (50 + z2), 12)])
    expect(proportion(50, 50).interval).toEqual([expect.closeTo(50 / (50 + z2), 12), 1])
  })

  it('has an interval within [0, 1] around the rate, narrower for more cases', () => {
    const cases = fc.integer({ min: 1, max: 500 }).chain(n => fc.tuple(fc.integer({ min: 0, max: n }), fc.constant(n)))
    fc.assert(
      fc.property(cases, ([count, total]) => {
        const { rate, interval } = proportion(count, total)
        const [low, high] = interval
        expect(0 <= low && low <= rate && rate <= high && high <= 1).toBe(true)
        const [low4, high4] = proportion(4 * count, 4 * total).interval
        expect(high4 - low4).toBeLessThan(high - low)
      }),
    )
  })

  it('refuses no cases, and more of them than there are', () => {
    expect(() => proportion(0, 0)).toThrow('found 0 of 0')
    expect(() => proportion(2, 1)).toThrow('found 2 of 1')
  })
})
