/** Linear models with a closed form, which attackers learn. */
import { CholeskyDecomposition, Matrix } from 'ml-matrix'
import { RandomStream } from '../../util/random.ts'
import { countOf, gram, type Vectors } from '../metrics/vectors.ts'

/** y = W x + b. */
export interface LinearMap {
  apply(x: Vectors): Vectors
}

/**
 * Ridge regression of targets on inputs, both centred: W = Y^T (X X^T + s I)^-1 X, s the mean of X X^T's diagonal times
 * `strength`; in this form it costs the cube of the number of inputs, whatever their length.
 */
export function ridge(inputs: Vectors, targets: Vectors, strength: number): LinearMap {
  const [x, meanX] = centred(inputs)
  const [y, meanY] = centred(targets)
  const n = countOf(inputs)
  const products = gram(x)
  const kernel = Matrix.from1DArray(n, n, products)
  const scale = kernel.trace() / n || 1
  for (let i = 0; i < n; i++) kernel.set(i, i, kernel.get(i, i) + strength * scale)
  const weights = new CholeskyDecomposition(kernel).solve(Matrix.from1DArray(n, y.dimensions, y.values))
  const map = Matrix.from1DArray(n, x.dimensions, x.values).transpose().mmul(weights) // [inputs, targets]
  return {
    apply: queries => {
      const shifted = Matrix.from1DArray(countOf(queries), queries.dimensions, shift(queries, meanX, -1).values)
      const values = Float64Array.from(shifted.mmul(map).to1DArray())
      return shift({ dimensions: targets.dimensions, values }, meanY, 1)
    },
  }
}

/** Which of `folds` parts each person is in, by chance; a person's pictures never come apart. */
export function foldsOf(identities: readonly string[], folds: number, seed = 0): number[] {
  const people = [...new Set(identities)]
  const order = new RandomStream(seed, 'folds of people').permutation(people.length)
  const fold = new Map(people.map((person, i) => [person, order[i]! % folds]))
  return identities.map(identity => fold.get(identity)!)
}

/** Some rows of a matrix. */
export function select({ dimensions, values }: Vectors, rows: readonly number[]): Vectors {
  const chosen = new Float64Array(rows.length * dimensions)
  for (const [i, row] of rows.entries())
    chosen.set(values.subarray(row * dimensions, (row + 1) * dimensions), i * dimensions)
  return { dimensions, values: chosen }
}

/** Rows scaled to unit length. */
export function normalised({ dimensions, values }: Vectors): Vectors {
  const result = Float64Array.from(values)
  for (let start = 0; start < result.length; start += dimensions) {
    const row = result.subarray(start, start + dimensions)
    const length = Math.hypot(...row) || 1
    row.forEach((value, i) => {
      row[i] = value / length
    })
  }
  return { dimensions, values: result }
}

function centred(rows: Vectors): [Vectors, Float64Array] {
  const { dimensions, values } = rows
  const mean = new Float64Array(dimensions)
  const n = countOf(rows)
  for (const [i, value] of values.entries()) mean[i % dimensions]! += value / n
  return [shift(rows, mean, -1), mean]
}

function shift({ dimensions, values }: Vectors, by: Float64Array, sign: 1 | -1): Vectors {
  return { dimensions, values: Float64Array.from(values, (value, i) => value + sign * by[i % dimensions]!) }
}
