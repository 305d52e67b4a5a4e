import { describe, expect, it } from 'vitest'
import { cosineDiversity, meanPairwise } from '../../../src/eval/metrics/diversity.ts'
import { reidentify } from '../../../src/eval/metrics/reidentification.ts'
import { dot, dots, gram, productsOf, type Vectors } from '../../../src/eval/metrics/vectors.ts'
import { values } from './golden.ts'

/** Unit vectors at angles in degrees. */
const at = (...degrees: number[]): Vectors => ({
  dimensions: 2,
  values: Float64Array.from(degrees.flatMap(a => [Math.cos((a * Math.PI) / 180), Math.sin((a * Math.PI) / 180)])),
})

describe('reidentify', () => {
  const gallery = { embeddings: at(0, 40, 90, 100, 180), identities: ['ann', 'bob', 'cem', 'cem', 'dan'] }

  it('ranks people by their most similar picture', () => {
    const { ranks, rates, people } = reidentify(
      { embeddings: at(10, 60, 88), identities: ['ann', 'ann', 'bob'] },
      gallery,
    )
    expect(people).toBe(4)
    expect([...ranks]).toEqual([1, 3, 2]) // cem has two pictures before bob's, and counts once
    expect(rates[1]).toMatchObject({ count: 1, total: 3 })
    expect(rates[5]).toMatchObject({ count: 3, total: 3 })
  })

  it('gives ties to the search', () => {
    expect([...reidentify({ embeddings: at(20), identities: ['bob'] }, { ...gallery, embeddings: at(20, 20, 20, 0, 0) }).ranks]).toEqual([1]) // biome-ignore format: short
  })

  it('refuses a person who is not there, and names that do not fit', () => {
    expect(() => reidentify({ embeddings: at(0), identities: ['eve'] }, gallery)).toThrow("'eve' is not in the gallery")
    expect(() => reidentify({ embeddings: at(0, 1), identities: ['ann'] }, gallery)).toThrow(
      'expected 2 names, found 1',
    )
  })
})

describe('diversity', () => {
  it('is the mean of 1 - cosine over all pairs of samples', () => {
    expect(cosineDiversity(at(0, 90, 180))).toBeCloseTo((1 + 2 + 1) / 3, 12)
    expect(cosineDiversity(at(30, 30))).toBeCloseTo(0, 12)
  })

  it('of fewer than two samples is none', () => {
    expect(cosineDiversity(at(0))).toBeUndefined()
    expect(meanPairwise(0, () => 1)).toBeUndefined()
  })

  it('takes any distance of two samples', () => {
    expect(meanPairwise(4, (i, j) => j - i)).toBe((1 + 2 + 3 + 1 + 2 + 1) / 6)
  })
})

describe('vectors', () => {
  const x: Vectors = { dimensions: 7, values: values('vectors:x', 21) }
  const y: Vectors = { dimensions: 7, values: values('vectors:y', 14) }
  const plain = (a: Vectors, i: number, b: Vectors, j: number) =>
    Array.from({ length: 7 }, (_, k) => a.values[7 * i + k]! * b.values[7 * j + k]!).reduce((sum, v) => sum + v, 0)

  it('have the dot products of their rows', () => {
    expect(dot(x, 2, y, 1)).toBeCloseTo(plain(x, 2, y, 1), 12)
    const { xx, xy, yy } = productsOf(x, y)
    expect(xy[2 * 2 + 1]).toBe(dot(x, 2, y, 1))
    expect(xx[0 * 3 + 2]).toBeCloseTo(plain(x, 0, x, 2), 12)
    expect(yy).toEqual(gram(y))
    expect(gram(y)).toEqual(dots(y, y))
  })

  it('of different lengths are refused', () => {
    expect(() => dots(x, { ...y, dimensions: 2 })).toThrow('found 7 and 2')
  })
})
