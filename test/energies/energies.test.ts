import * as tf from '@tensorflow/tfjs'
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { dissimilarity, diversity, similarity } from '../../src/energies/identity.ts'
import { RandomStream } from '../../src/util/random.ts'

beforeAll(() => useBackend('cpu'))

type Vector = number[]

const dot = (a: Vector, b: Vector) => a.reduce((sum, value, i) => sum + value * b[i]!, 0)
const unit = (a: Vector) => a.map(value => value / Math.sqrt(dot(a, a)))
const pairs = <T>(items: T[]) => items.flatMap((a, i) => items.slice(i + 1).map(b => [a, b] as const))
const sum = (values: number[]) => values.reduce((a, b) => a + b, 0)

/** The energies in plain float64: embeddings of the samples, the reference -> value. */
const energies = {
  dissimilarity: {
    plain: (samples: Vector[], reference: Vector) => sum(samples.map(s => Math.max(dot(s, reference), 0))),
    tensors: dissimilarity,
  },
  similarity: {
    plain: (samples: Vector[], reference: Vector) => sum(samples.map(s => 1 - dot(s, reference))),
    tensors: similarity,
  },
  diversity: {
    plain: (samples: Vector[]) => sum(pairs(samples).map(([a, b]) => Math.max(dot(a, b), 0))),
    tensors: (embeddings: tf.Tensor2D) => diversity(embeddings),
  },
}

/** Unit vectors of `count` samples and a reference, from a seed. */
function vectors(seed: number, count: number, width = 6): { samples: Vector[]; reference: Vector } {
  const stream = new RandomStream(seed, 'energies')
  const draw = () => unit([...stream.normals(width)])
  return { samples: Array.from({ length: count }, draw), reference: draw() }
}

const cases = fc.record({ seed: fc.integer(), count: fc.integer({ min: 1, max: 4 }) })

describe.each(Object.entries(energies))('%s', (_name, { plain, tensors }) => {
  test('has the value that float64 gives, for any samples', () => {
    fc.assert(
      fc.property(cases, ({ seed, count }) => {
        const { samples, reference } = vectors(seed, count)
        const value = tf.tidy(() => tensors(tf.tensor2d(samples), tf.tensor2d([reference])).dataSync()[0]!)
        expect(value).toBeCloseTo(plain(samples, reference), 5)
        expect(value).toBeGreaterThanOrEqual(-1e-6)
      }),
    )
  })

  test('has the gradient that finite differences give', () => {
    const h = 1e-6
    let checked = 0
    for (let seed = 0; seed < 12; seed++) {
      const { samples, reference } = vectors(seed, 3)
      // Finite differences mean nothing at the kink of max(cos, 0).
      const cosines = [...samples.map(s => dot(s, reference)), ...pairs(samples).map(([a, b]) => dot(a, b))]
      if (cosines.some(cosine => Math.abs(cosine) < 1e-4)) continue
      const gradient = tf.tidy(() =>
        tf
          .grad((x: tf.Tensor) => tensors(x as tf.Tensor2D, tf.tensor2d([reference])))(tf.tensor2d(samples))
          .arraySync(),
      ) as number[][]
      for (const [i, sample] of samples.entries())
        for (const k of sample.keys()) {
          const at = (change: number) =>
            plain(
              samples.map((s, j) => (j === i ? s.map((value, l) => (l === k ? value + change : value)) : s)),
              reference,
            )
          expect(gradient[i]![k]).toBeCloseTo((at(h) - at(-h)) / (2 * h), 4)
          checked++
        }
    }
    expect(checked).toBeGreaterThan(100)
  })

  test('leaves nothing but its value behind, and does not depend on the order of samples', () => {
    const { samples, reference } = vectors(3, 4)
    const [a, b, r] = [tf.tensor2d(samples), tf.tensor2d(samples.toReversed()), tf.tensor2d([reference])]
    const before = tf.memory().numTensors
    const [forth, back] = [tensors(a, r), tensors(b, r)]
    expect(tf.memory().numTensors).toBe(before + 2)
    expect(forth.dataSync()[0]).toBeCloseTo(back.dataSync()[0]!, 6)
    tf.dispose([a, b, r, forth, back])
  })
})

describe('where they vanish', () => {
  const value = (energy: tf.Scalar) => energy.dataSync()[0]!
  const axes = [
    [1, 0, 0],
    [0, 1, 0],
    [-1, 0, 0],
  ]

  test('each is zero when what its name says is reached, and largest when it is missed', () => {
    tf.tidy(() => {
      const [x, y, minusX] = axes.map(axis => tf.tensor2d([axis])) as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D]
      expect([dissimilarity(x, x), dissimilarity(y, x), dissimilarity(minusX, x)].map(value)).toEqual([1, 0, 0])
      expect([similarity(x, x), similarity(y, x), similarity(minusX, x)].map(value)).toEqual([0, 1, 2])
      expect(value(diversity(x))).toBe(0)
      expect(value(diversity(tf.concat([x, x, x])))).toBe(3)
      expect(value(diversity(tf.concat([x, y, minusX])))).toBe(0)
    })
  })
})
