/** Matrices in float64, row-major, for the distances between distributions. */
import { Matrix, SVD } from 'ml-matrix'
import { countOf, gram, type Vectors } from './vectors.ts'

/** X^T X of the rows of X: [d, d]. Of centred rows over sqrt(N - 1), their sample covariance. */
export function covariance(rows: Vectors): Float64Array {
  return gram(transpose(rows))
}

function transpose(rows: Vectors): Vectors {
  const [n, d] = [countOf(rows), rows.dimensions]
  const values = new Float64Array(n * d)
  for (let i = 0; i < n; i++) for (let j = 0; j < d; j++) values[j * n + i] = rows.values[i * d + j]!
  return { dimensions: n, values }
}

/**
 * F with F^T F = S for a symmetric positive semidefinite S [d, d], of as many rows as S has rank: Cholesky's
 * decomposition with the largest remaining diagonal value as the next pivot, until none is above rounding.
 */
export function choleskyFactor(s: Float64Array, d: number): Vectors {
  const remaining = Float64Array.from({ length: d }, (_, i) => s[i * d + i]!)
  const negligible = d * Number.EPSILON * Math.max(...remaining)
  const rows: Float64Array[] = []
  while (rows.length < d) {
    const pivot = remaining.reduce((best, value, i) => (value > remaining[best]! ? i : best), 0)
    if (!(remaining[pivot]! > negligible)) break
    const row = s.slice(pivot * d, (pivot + 1) * d)
    for (const earlier of rows) {
      const factor = earlier[pivot]!
      for (let j = 0; j < d; j++) row[j]! -= factor * earlier[j]!
    }
    const scale = 1 / Math.sqrt(remaining[pivot]!)
    for (let j = 0; j < d; j++) {
      row[j]! *= scale
      remaining[j]! -= row[j]! ** 2
    }
    remaining[pivot] = 0
    rows.push(row)
  }
  const values = new Float64Array(rows.length * d)
  for (const [i, row] of rows.entries()) values.set(row, i * d)
  return { dimensions: d, values }
}

/**
 * The sum of the singular values of a matrix [rows, columns]. One of 1,000 x 1,000 takes about 6 seconds, one of
 * 2,048 x 2,048 about 50.
 */
export function sumOfSingularValues(matrix: Float64Array, rows: number, columns: number): number {
  if (matrix.every(value => value === 0)) return 0
  const { diagonal } = new SVD(Matrix.from1DArray(rows, columns, matrix), {
    computeLeftSingularVectors: false,
    computeRightSingularVectors: false,
    autoTranspose: true,
  })
  return diagonal.reduce((sum, value) => sum + value, 0)
}
