import { describe, expect, it } from 'vitest'
import { lfwProtocol } from '../../../src/eval/metrics/lfw.ts'
import { golden, relative, scores } from './golden.ts'

interface Expected {
  folds: number
  half: number
  far: number
  accuracies: number[]
  accuracy: [mean: number, deviation: number]
  tar: [mean: number, deviation: number]
  measuredFar: number
}

const { lfw: expected } = await golden<{ lfw: Expected }>('metrics/verification')

describe('lfwProtocol', () => {
  const { folds, half, far } = expected
  const [genuine, impostor] = scores('scores:lfw', folds * half, folds * half, 0)
  const same = Array.from({ length: 2 * folds * half }, (_, i) => i % (2 * half) < half)
  const [g, f] = [genuine.values(), impostor.values()]
  const cosines = same.map(isSame => (isSame ? g : f).next().value!)
  const result = lfwProtocol(cosines, same, { folds, far })

  it('agrees with the procedure of facenet and insightface in NumPy', () => {
    expect(result.accuracy.folds).toEqual(expected.accuracies.map(value => expect.closeTo(value, 12)))
    expect(relative(result.accuracy.mean, expected.accuracy[0])).toBeLessThan(1e-12)
    expect(relative(result.accuracy.deviation, expected.accuracy[1])).toBeLessThan(1e-9)
    expect(relative(result.tar.mean, expected.tar[0])).toBeLessThan(1e-12)
    expect(relative(result.tar.deviation, expected.tar[1])).toBeLessThan(1e-9)
    expect(relative(result.measuredFar, expected.measuredFar)).toBeLessThan(1e-12)
  })

  it('measures a fold at the threshold of the others', () => {
    // The second fold's distances are 0.4 and 1.4, so that the first is measured at 0.41, and the second at 0.21.
    const two = lfwProtocol([0.9, 0.2, 0.8, 0.3], [true, false, true, false], { folds: 2 })
    expect(two.accuracy).toEqual({ mean: 0.75, deviation: 0.25, folds: [1, 0.5] })
  })

  it('accepts nobody where no threshold reaches the rate', () => {
    // Opposite embeddings are 4 apart, beyond the last threshold.
    const { tar, measuredFar } = lfwProtocol([1, -1, 1, -1], [true, false, true, false], { folds: 2 })
    expect([tar.mean, measuredFar]).toEqual([0, 0])
  })

  it('refuses answers that do not fit the pairs, and folds of one kind', () => {
    expect(() => lfwProtocol([0.5], [true, false])).toThrow('expected 1 answers, found 2')
    expect(() => lfwProtocol([0.5, 0.1], [true, true], { folds: 2 })).toThrow('pairs of both kinds')
  })
})
