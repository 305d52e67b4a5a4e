import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { auc, equalErrorRate, roc } from '../../../src/eval/metrics/roc.ts'
import { acceptRate, thresholdAtFar } from '../../../src/eval/metrics/tar-at-far.ts'
import { golden, relative, scores } from './golden.ts'

interface Case {
  name: string
  genuine: number
  impostor: number
  step: number
  points: number
  samples: [index: number, far: number, tar: number][]
  auc: number
  eer: number
  tarAtFar: Record<string, number>
}

const { cases } = await golden<{ cases: Case[] }>('metrics/verification')

describe.each(cases)('$name scores, against scikit-learn', expected => {
  const [genuine, impostor] = scores(`scores:${expected.name}`, expected.genuine, expected.impostor, expected.step)
  const curve = roc(genuine, impostor)

  it('has the same curve', () => {
    expect(curve.far.length).toBe(expected.points)
    for (const [i, far, tar] of expected.samples) {
      expect(curve.far[i]).toBeCloseTo(far, 12)
      expect(curve.tar[i]).toBeCloseTo(tar, 12)
    }
  })

  it('has the same area and equal error rate', () => {
    expect(relative(auc(curve), expected.auc)).toBeLessThan(1e-12)
    expect(relative(equalErrorRate(curve).rate, expected.eer)).toBeLessThan(1e-10)
  })

  it.each(Object.entries(expected.tarAtFar))('has the same true accept rate at FAR %s', (far, tar) => {
    const threshold = thresholdAtFar(impostor, Number(far))
    expect(acceptRate(genuine, threshold).rate).toBeCloseTo(tar, 12)
    expect(acceptRate(impostor, threshold).rate).toBeLessThanOrEqual(Number(far))
  })
})

describe('roc', () => {
  const some = fc.array(
    fc.integer({ min: -5, max: 5 }).map(i => i / 5),
    { minLength: 1, maxLength: 30 },
  )

  it('gives at each threshold the rates above it, from none to all', () => {
    fc.assert(
      fc.property(some, some, (genuine, impostor) => {
        const { thresholds, far, tar } = roc(genuine, impostor)
        expect([far[0], tar[0], far.at(-1), tar.at(-1)]).toEqual([0, 0, 1, 1])
        for (const [i, threshold] of thresholds.entries()) {
          expect(acceptRate(impostor, threshold).rate).toBe(far[i])
          expect(acceptRate(genuine, threshold).rate).toBe(tar[i])
        }
      }),
    )
  })

  it('has as its area the share of pairs of pairs in the right order, ties one half', () => {
    fc.assert(
      fc.property(some, some, (genuine, impostor) => {
        const wins = genuine.flatMap(g => impostor.map(i => (g > i ? 1 : g === i ? 0.5 : 0)))
        expect(auc(roc(genuine, impostor))).toBeCloseTo(wins.reduce<number>((a, b) => a + b, 0) / wins.length, 10)
      }),
    )
  })

  it('has an equal error rate of 0 where scores separate and 1/2 where they are the same', () => {
    expect(equalErrorRate(roc([0.8, 0.9], [0.1, 0.2]))).toEqual({ rate: 0, threshold: 0.2 })
    expect(equalErrorRate(roc([1, 2, 3], [1, 2, 3])).rate).toBeCloseTo(0.5, 12)
  })

  it('refuses no scores and scores that are none', () => {
    expect(() => roc([], [1])).toThrow('genuine scores, found none')
    expect(() => roc([1], [Number.NaN])).toThrow('impostor score is not a number')
  })
})
