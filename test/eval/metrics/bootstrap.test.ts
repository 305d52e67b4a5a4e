import { describe, expect, it } from 'vitest'
import { bootstrap, quantile, weightedMean } from '../../../src/eval/metrics/bootstrap.ts'
import { relative, values } from './golden.ts'

describe('bootstrap', () => {
  const sample = values('bootstrap', 400)
  const mean = sample.reduce((a, b) => a + b, 0) / sample.length
  const deviation = Math.sqrt(sample.reduce((sum, value) => sum + (value - mean) ** 2, 0) / sample.length)

  const ofMean = (values: Float64Array, options = {}, cases: Parameters<typeof bootstrap>[0] = values.length) =>
    bootstrap(cases, weights => weightedMean(values, weights), options)

  it('of a mean is as wide as its standard error says', () => {
    const { low, high, resamples } = ofMean(sample, { resamples: 2000 })
    expect(resamples).toBe(2000)
    expect(relative((high - low) / 2, (1.96 * deviation) / Math.sqrt(400))).toBeLessThan(0.05)
    expect((low + high) / 2).toBeCloseTo(mean, 2)
  })

  it('is the same for the same seed and differs for another', () => {
    const interval = (seed: number) => ofMean(sample, { seed, resamples: 50 })
    expect(interval(3)).toEqual(interval(3))
    expect(interval(3).low).not.toBe(interval(4).low)
  })

  it('draws people and not pictures: copies of a person do not narrow it', () => {
    const copies = Float64Array.from({ length: 4 * sample.length }, (_, i) => sample[Math.floor(i / 4)]!)
    const people = Array.from(copies, (_, i) => [`person ${Math.floor(i / 4)}`])
    const width = ({ low, high }: { low: number; high: number }) => high - low
    const byPerson = width(ofMean(copies, {}, people))
    const byPicture = width(ofMean(copies))
    expect(byPerson / byPicture).toBeCloseTo(2, 0)
    expect(byPerson).toBeCloseTo(width(ofMean(sample)), 2)
  })

  it('counts a pair as often as its two people are drawn together', () => {
    const pairs = [['a', 'a'], ['a', 'b'], ['b', 'c'], ['c']] // biome-ignore format: short
    bootstrap(
      pairs,
      weights => {
        const [a, ab, bc, c] = weights as unknown as [number, number, number, number]
        const b = 3 - a - c
        expect([ab, bc]).toEqual([a * b, b * c])
        return 0
      },
      { resamples: 200 },
    )
  })

  it('leaves samples without a number out', () => {
    const { resamples, low } = bootstrap(2, weights => (weights[0] === 0 ? Number.NaN : 1), { resamples: 400 })
    expect(low).toBe(1)
    expect(resamples).toBeGreaterThan(250) // three quarters of them have the first case
    expect(resamples).toBeLessThan(350)
  })
})

it('quantiles are linear between neighbours, weighted means weighted', () => {
  expect(quantile(Float64Array.of(1, 2, 4), 0.75)).toBe(3)
  expect(quantile(new Float64Array(0), 0.5)).toBeNaN()
  expect(quantile(Float64Array.of(1, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY), 0.75)).toBe(Infinity)
  expect(weightedMean([1, 4], Float64Array.of(2, 1))).toBe(2)
  expect(weightedMean([1, Number.POSITIVE_INFINITY], Float64Array.of(1, 0))).toBe(1)
})
