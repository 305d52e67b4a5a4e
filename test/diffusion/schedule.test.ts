import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bucketOf, ddimSigma, ddimSteps, noiseSchedule, scheduledEmbedding } from '../../src/diffusion/schedule.ts'

const golden = JSON.parse(readFileSync('test/golden/schedule.json', 'utf8'))
const schedule = noiseSchedule()

test("alphas are those of Stable Diffusion's schedule", () => {
  for (const [t, alpha] of Object.entries<number>(golden.alphas_cumprod))
    expect(schedule.alphasCumprod[Number(t)]).toBeCloseTo(alpha, 12)
})

test.each(Object.keys(golden.ddim))('a trajectory of %s steps', count => {
  const steps = ddimSteps(schedule, Number(count))
  const expected = golden.ddim[count]
  expect(steps.map(step => step.timestep)).toEqual(expected.timesteps)
  for (const [i, step] of steps.entries()) {
    expect(step.alphaCumprod).toBeCloseTo(expected.alphas[i], 12)
    expect(step.alphaCumprodPrev).toBeCloseTo(expected.alphas_prev[i], 12)
    expect(step.alphaCumprodNext).toBeCloseTo(expected.alphas_next[i], 12)
    for (const eta of Object.keys(expected.sigmas_by_eta))
      expect(ddimSigma(step, Number(eta))).toBeCloseTo(expected.sigmas_by_eta[eta][i], 12)
  }
})

test('every trajectory goes up in noise, each step from where the one before ended', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 500 }), count => {
      const steps = ddimSteps(schedule, count)
      expect(steps).toHaveLength(count)
      for (const [i, { alphaCumprod, alphaCumprodPrev, alphaCumprodNext, timestep }] of steps.entries()) {
        expect(alphaCumprod).toBeLessThan(alphaCumprodPrev)
        // Of 500 steps the last visits T - 1, which no timestep follows.
        expect(alphaCumprodNext).toBeLessThanOrEqual(
          timestep === schedule.steps - 1 ? alphaCumprod : alphaCumprod * 0.999999,
        )
        expect(timestep).toBeLessThan(schedule.steps)
        if (i > 0) expect(alphaCumprodPrev).toBe(steps[i - 1]!.alphaCumprod)
      }
    }),
  )
})

test('a number of steps that there cannot be is refused', () => {
  for (const count of [0, -1, 2.5, 501, Number.NaN]) expect(() => ddimSteps(schedule, count)).toThrow(RangeError)
})

describe('embedding schedule', () => {
  const buckets = Array.from({ length: 10 }, (_, i) => `c${i}`)

  test('ten buckets of a hundred timesteps', () => {
    expect([0, 99, 100, 499, 500, 899, 900, 999, 1000].map(t => bucketOf(t, 10, 1000))).toEqual([
      0, 0, 1, 4, 5, 8, 9, 9, 9,
    ])
    expect([0, 4, 5, 49].map(t => bucketOf(t, 10, 50))).toEqual([0, 0, 1, 9])
  })

  test('conditional above the threshold, unconditional at and below it', () => {
    const at = scheduledEmbedding(buckets, 'u', 400, 1000)
    expect([1, 399, 400, 401, 500, 951].map(at)).toEqual(['u', 'u', 'u', 'c4', 'c5', 'c9'])
    expect([0, 500].map(scheduledEmbedding(buckets, 'u', -1, 1000))).toEqual(['c0', 'c5'])
    expect([0, 999].map(scheduledEmbedding(buckets, 'u', 1000, 1000))).toEqual(['u', 'u'])
  })
})
