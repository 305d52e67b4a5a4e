import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { acceptRate, thresholdAtFar, tooFewImpostors } from '../../../src/eval/metrics/tar-at-far.ts'

describe('thresholdAtFar', () => {
  const ten = [0.5, 0.1, 0.9, 0.3, 0.7, 0.2, 0.8, 0.4, 0.6, 0]

  it('is the impostor score that as many are above as may be', () => {
    expect(thresholdAtFar(ten, 0)).toBe(0.9)
    expect(thresholdAtFar(ten, 0.1)).toBe(0.8)
    expect(thresholdAtFar(ten, 0.29)).toBe(0.7)
    expect(thresholdAtFar(ten, 0.3)).toBe(0.6)
  })

  it('rounds no share down that is whole but for floating point', () => {
    const hundred = Array.from({ length: 100 }, (_, i) => i)
    expect(acceptRate(hundred, thresholdAtFar(hundred, 0.29)).count).toBe(29)
  })

  it('refuses ties rather than accept more than may be', () => {
    expect(thresholdAtFar([0.5, 0.5, 0.5, 0.1], 0.5)).toBe(0.5)
    expect(acceptRate([0.5, 0.5, 0.5, 0.1], 0.5).count).toBe(0)
  })

  it('refuses what has no answer', () => {
    expect(() => thresholdAtFar([], 0.1)).toThrow('found none')
    expect(() => thresholdAtFar([1], 1)).toThrow('[0, 1)')
    expect(() => thresholdAtFar([1], Number.NaN)).toThrow('[0, 1)')
  })

  it('accepts at most the rate, and any threshold below it more', () => {
    // Multiples of 1/20, so that there are ties.
    const scores = fc.array(
      fc.integer({ min: -20, max: 20 }).map(i => i / 20),
      { minLength: 1, maxLength: 60 },
    )
    fc.assert(
      fc.property(scores, fc.integer({ min: 0, max: 99 }), (impostors, percent) => {
        const far = percent / 100
        const threshold = thresholdAtFar(impostors, far)
        expect(acceptRate(impostors, threshold).rate).toBeLessThanOrEqual(far + 1e-12)
        expect(acceptRate(impostors, threshold - 1e-6).rate).toBeGreaterThan(far)
      }),
    )
  })

  it('does not depend on the order', () => {
    expect(thresholdAtFar(ten.toSorted(), 0.2)).toBe(thresholdAtFar(ten, 0.2))
  })
})

it('a threshold rests on ten false accepts', () => {
  expect(tooFewImpostors(1000, 0.01)).toBeUndefined()
  expect(tooFewImpostors(999, 0.01)).toEqual({
    unmeasured: 'expected 1000 impostor pairs or more for a false accept rate of 0.01, found 999',
  })
})
