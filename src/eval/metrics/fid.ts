/** Frechet distance of two sets of features, each taken for a normal distribution. */
import type { Definition, Unmeasured } from './definition.ts'
import { choleskyFactor, covariance, sumOfSingularValues } from './linear-algebra.ts'
import { countOf, dots, sameDimensions, type Vectors } from './vectors.ts'

export const fidDefinition: Definition = {
  id: 'fid',
  name: 'FID',
  unit: '0 or more; 0 for equal statistics',
  text:
    'Frechet distance of the features of two sets of pictures: |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)) of their means ' +
    'and sample covariances (divided by N - 1), in float64. It is biased by N: compare only values of equal N, and only ' +
    'of one feature network and resize mode, which are named beside it. Only with the Inception network of 2015 is it ' +
    'the FID of the literature.',
  source: 'Heusel et al., NeurIPS 2017; pytorch-fid calculate_frechet_distance',
}

/** The mean of vectors and a matrix F with F^T F their covariance: all that the distance depends on. */
interface Gaussian {
  readonly mean: Float64Array
  /** Rows of F, as few as there are vectors or dimensions. */
  readonly factor: Vectors
}

/**
 * The normal distribution of a sample of at least two vectors. Of fewer vectors than dimensions the covariance is never
 * formed: the centred vectors over sqrt(N - 1) are a factor of it.
 */
export function gaussianOf(sample: Vectors): Gaussian {
  const { dimensions, values } = sample
  const count = countOf(sample)
  if (count < 2) throw new Error(`gaussianOf: expected at least two vectors, found ${count}`)
  // Around the first vector, so that equal vectors have no covariance at all: of one made of rounding errors alone
  // ml-matrix would look for singular values for ever.
  const mean = Float64Array.from(values.subarray(0, dimensions))
  for (const [i, value] of values.entries()) mean[i % dimensions]! += (value - values[i % dimensions]!) / count
  const scale = 1 / Math.sqrt(count - 1)
  const centred = {
    dimensions,
    values: Float64Array.from(values, (value, i) => (value - mean[i % dimensions]!) * scale),
  }
  return { mean, factor: count <= dimensions ? centred : choleskyFactor(covariance(centred), dimensions) }
}

/**
 * |m1 - m2|^2 + tr C1 + tr C2 - 2 tr (C1 C2)^(1/2). With C = F^T F, the eigenvalues of C1 C2 are the squares of the
 * singular values of F1 F2^T, whose sum is the last trace: no square root of a matrix is taken, and none can fail.
 */
function frechetDistance(a: Gaussian, b: Gaussian): number {
  sameDimensions(a.factor, b.factor)
  let distance = 0
  for (let i = 0; i < a.mean.length; i++) distance += (a.mean[i]! - b.mean[i]!) ** 2
  const root = sumOfSingularValues(dots(a.factor, b.factor), countOf(a.factor), countOf(b.factor))
  // Rounding may leave the distance of equal sets below zero.
  return Math.max(0, distance + sumOfSquares(a.factor) + sumOfSquares(b.factor) - 2 * root)
}

/** The trace of F^T F. */
function sumOfSquares({ values }: Vectors): number {
  let sum = 0
  for (const value of values) sum += value * value
  return sum
}

/** The distance between two samples, such as the features of original and of protected pictures. */
export function fid(a: Vectors, b: Vectors): number | Unmeasured {
  const least = Math.min(countOf(a), countOf(b))
  if (least < 2) return { unmeasured: `FID needs two pictures or more on each side, there are ${least}` }
  return frechetDistance(gaussianOf(a), gaussianOf(b))
}
