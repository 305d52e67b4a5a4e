import { describe, expect, it } from 'vitest'
import { fid, gaussianOf } from '../../../src/eval/metrics/fid.ts'
import { kid } from '../../../src/eval/metrics/kid.ts'
import { sumOfSingularValues } from '../../../src/eval/metrics/linear-algebra.ts'
import { precisionRecall } from '../../../src/eval/metrics/precision-recall.ts'
import { productsOf, type Vectors } from '../../../src/eval/metrics/vectors.ts'
import { golden, measured, relative, values } from './golden.ts'

interface Case {
  name: string
  counts: [number, number]
  dimensions: number
  'pytorch-fid': number
  'torch-fidelity': number
  kid: number
  precision: number
  recall: number
}

const { cases } = await golden<{ cases: Case[] }>('metrics/distributions')

/** metrics.py's features. */
function features({ name, counts, dimensions }: Case): [Vectors, Vectors] {
  const slope = (j: number) => 0.2 + (1.8 * j) / (dimensions - 1)
  const make = (side: string, count: number, offset: number, scale: number) =>
    values(`features:${name}:${side}`, count * dimensions).map(
      (value, i) => Math.max(offset + scale * value, 0) * slope(i % dimensions),
    )
  const x = make('x', counts[0], 0, 1)
  for (let i = 0; i < x.length; i += dimensions) x[i + 1] = x[i]!
  return [
    { dimensions, values: x },
    { dimensions, values: make('y', counts[1], 0.3, 0.8) },
  ]
}

const first = ({ dimensions, values }: Vectors, count: number): Vectors => ({
  dimensions,
  values: values.slice(0, count * dimensions),
})

describe.each(cases)('$name, against pytorch-fid and torch-fidelity', expected => {
  const [x, y] = features(expected)

  it('has the same Frechet distance', () => {
    const distance = measured(fid(x, y))
    expect(relative(distance, expected['pytorch-fid'])).toBeLessThan(1e-6)
    expect(relative(distance, expected['torch-fidelity'])).toBeLessThan(1e-6)
  })

  it('has the same kernel distance', () => {
    const few = Math.min(...expected.counts)
    const { mean, subsets } = measured(kid(productsOf(first(x, few), first(y, few))))
    expect(subsets).toBe(1)
    expect(relative(mean, expected.kid)).toBeLessThan(1e-9)
  })

  it('has the same precision and recall', () => {
    const { precision, recall } = measured(precisionRecall(productsOf(x, y)))
    expect(precision).toBeCloseTo(expected.precision, 6) // torch-fidelity's are float32
    expect(recall).toBeCloseTo(expected.recall, 6)
  })
})

describe('FID', () => {
  const sample: Vectors = { dimensions: 3, values: values('sample', 60) }

  it('of equal samples is 0, and of a shift its squared length', () => {
    expect(fid(sample, sample)).toBeLessThan(1e-12)
    const shifted = { ...sample, values: sample.values.map((value, i) => value + (i % 3)) }
    expect(fid(sample, shifted)).toBeCloseTo(1 + 4, 10)
  })

  it('of one normal distribution twice as wide is the sum of its variances', () => {
    const wide = { ...sample, values: sample.values.map(value => 2 * value) }
    const { mean, factor } = gaussianOf(sample)
    const variances = Float64Array.from(factor.values).reduce((sum, value) => sum + value * value, 0)
    expect(fid(sample, wide)).toBeCloseTo(variances + mean.reduce((sum, m) => sum + m * m, 0), 10)
  })

  it('takes pictures that are all the same for a point', () => {
    const dimensions = 64
    const row = Float32Array.from({ length: dimensions }, (_, j) => Math.fround(Math.sin(j) / 3))
    const same = { dimensions, values: Float32Array.from({ length: 40 * dimensions }, (_, i) => row[i % dimensions]!) }
    const others = { dimensions, values: Float32Array.from({ length: 40 * dimensions }, (_, i) => Math.cos(i * i)) }
    const { mean, factor } = gaussianOf(others)
    const apart = mean.reduce((sum, m, j) => sum + (m - row[j]!) ** 2, 0)
    const variances = Float64Array.from(factor.values).reduce((sum, value) => sum + value * value, 0)
    expect(fid(others, same)).toBeCloseTo(apart + variances, 10)
  })

  it('needs two vectors', () => {
    expect(fid({ dimensions: 3, values: new Float32Array(3) }, sample)).toMatchObject({
      unmeasured: expect.stringContaining('there are 1'),
    })
  })

  it('sums singular values of wide and of tall matrices', () => {
    // Rows of a rotation times 3 and 4.
    const matrix = Float64Array.of(3 * 0.6, 3 * 0.8, 0, 4 * -0.8, 4 * 0.6, 0)
    expect(sumOfSingularValues(matrix, 2, 3)).toBeCloseTo(7, 12)
    const transposed = Float64Array.of(1.8, -3.2, 2.4, 2.4, 0, 0)
    expect(sumOfSingularValues(transposed, 3, 2)).toBeCloseTo(7, 12)
  })
})

describe('KID', () => {
  const x: Vectors = { dimensions: 4, values: values('kid:x', 4 * 120) }
  const y: Vectors = { dimensions: 4, values: values('kid:y', 4 * 90).map(value => value + 0.5) }
  const products = productsOf(x, y)

  it('is by subsets about what it is of everything, the same for the same seed', () => {
    const bySubsets = measured(kid(products, { subsets: 200, subsetSize: 60, seed: 5 }))
    const ofAll = measured(kid(productsOf(first(x, 90), y)))
    expect(ofAll.deviation).toBeUndefined()
    expect(bySubsets).toMatchObject({ subsets: 200, subsetSize: 60 })
    expect(Math.abs(bySubsets.mean - ofAll.mean)).toBeLessThan(bySubsets.deviation!)
    expect(kid(products, { subsets: 200, subsetSize: 60, seed: 5 })).toEqual(bySubsets)
    expect(kid(products, { subsets: 200, subsetSize: 60, seed: 6 })).not.toEqual(bySubsets)
  })

  it('draws no more than there are, and needs two', () => {
    expect(kid(products, { subsets: 3 })).toMatchObject({ subsets: 3, subsetSize: 90 })
    expect(kid(productsOf(first(x, 1), y))).toMatchObject({ unmeasured: expect.stringContaining('there are 1') })
  })
})

describe('precision and recall', () => {
  it('are 1 for equal sets and 0 for sets far apart', () => {
    const x: Vectors = { dimensions: 2, values: values('pr', 40) }
    const far = { ...x, values: x.values.map(value => value + 100) }
    expect(precisionRecall(productsOf(x, x))).toEqual({ precision: 1, recall: 1 })
    expect(precisionRecall(productsOf(x, far))).toEqual({ precision: 0, recall: 0 })
  })

  it('tell a part from the whole', () => {
    const line = (from: number, count: number): Vectors => ({
      dimensions: 1,
      values: Float64Array.from({ length: count }, (_, i) => from + i),
    })
    // Made pictures cover the first of four quarters, and each reaches three further.
    expect(precisionRecall(productsOf(line(0, 40), line(0, 10)))).toEqual({ precision: 1, recall: 13 / 40 })
  })

  it('need more pictures than neighbours', () => {
    const three: Vectors = { dimensions: 1, values: Float64Array.of(1, 2, 3) }
    expect(precisionRecall(productsOf(three, three))).toMatchObject({
      unmeasured: expect.stringContaining('there are 3'),
    })
  })
})
