/** Vectors of one length, row after row: embeddings of faces, features of pictures. Sums are taken in float64. */
export interface Vectors {
  readonly dimensions: number
  /** [count, dimensions]. */
  readonly values: Float32Array | Float64Array
}

/** How many vectors there are. */
export function countOf({ values, dimensions }: Vectors): number {
  return values.length / dimensions
}

/** The dot product of row `i` of `x` and row `j` of `y`; of unit vectors, their cosine similarity. */
export function dot(x: Vectors, i: number, y: Vectors, j: number): number {
  const { dimensions } = x
  let sum = 0
  for (let k = 0; k < dimensions; k++) sum += x.values[i * dimensions + k]! * y.values[j * dimensions + k]!
  return sum
}

/** Rows of the second matrix that are multiplied with all of the first before the next ones: they stay in the cache. */
const blockSize = 16

/**
 * All dot products of rows of `x` with rows of `y`: [count of x, count of y], row-major.
 * @throws Error when their lengths differ
 */
export function dots(x: Vectors, y: Vectors): Float64Array {
  sameDimensions(x, y)
  return multiply(x, y, false)
}

/** The dot products of the rows of one matrix with each other: symmetric, [count, count]. */
export function gram(x: Vectors): Float64Array {
  const n = countOf(x)
  const products = multiply(x, x, true)
  for (let i = 0; i < n; i++) for (let j = i + 1; j < n; j++) products[i * n + j] = products[j * n + i]!
  return products
}

/** @param lower whether what lies above the diagonal may be left out */
function multiply(x: Vectors, y: Vectors, lower: boolean): Float64Array {
  const { dimensions: d } = x
  const [rows, columns] = [countOf(x), countOf(y)]
  const [a, b] = [new Float64Array(x.values), new Float64Array(y.values)]
  const products = new Float64Array(rows * columns)
  for (let block = 0; block < columns; block += blockSize)
    // Four rows at a time: each value of `b` is read once for all.
    for (let i = lower ? block : 0; i < rows; i += 4) {
      // Behind the last row, it is taken again.
      const last = rows - 1
      const [i1, i2, i3] = [Math.min(i + 1, last), Math.min(i + 2, last), Math.min(i + 3, last)]
      const end = Math.min(block + blockSize, columns)
      for (let j = block; j < end; j++) {
        let [p, p1, p2, p3, q] = [i * d, i1 * d, i2 * d, i3 * d, j * d]
        let [sum, sum1, sum2, sum3] = [0, 0, 0, 0]
        for (let k = 0; k < d; k++) {
          const value = b[q++]!
          sum += a[p++]! * value
          sum1 += a[p1++]! * value
          sum2 += a[p2++]! * value
          sum3 += a[p3++]! * value
        }
        products[i * columns + j] = sum
        products[i1 * columns + j] = sum1
        products[i2 * columns + j] = sum2
        products[i3 * columns + j] = sum3
      }
    }
  return products
}

/** All dot products within and between two sets of vectors: what KID and precision and recall are functions of. */
export interface Products {
  readonly dimensions: number
  /** How many vectors the first set has, and the second. */
  readonly rows: number
  readonly columns: number
  /** [rows, rows], [rows, columns] and [columns, columns]. */
  readonly xx: Float64Array
  readonly xy: Float64Array
  readonly yy: Float64Array
}

/** The dot products of two sets, such as the features of original (x) and of made pictures (y). */
export function productsOf(x: Vectors, y: Vectors): Products {
  const { dimensions } = x
  return { dimensions, rows: countOf(x), columns: countOf(y), xx: gram(x), xy: dots(x, y), yy: gram(y) }
}

/** @throws Error when the vectors of `x` and `y` differ in length */
export function sameDimensions(x: Vectors, y: Vectors): void {
  if (x.dimensions !== y.dimensions)
    throw new Error(`expected vectors of one length, found ${x.dimensions} and ${y.dimensions}`)
}
