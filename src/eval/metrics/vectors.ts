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
  const [a, b] = [x.values, y.values]
  const [p, q] = [i * dimensions, j * dimensions]
  // Four sums at a time do not wait for each other.
  let [s0, s1, s2, s3] = [0, 0, 0, 0]
  let k = 0
  for (; k + 3 < dimensions; k += 4) {
    s0 += a[p + k]! * b[q + k]!
    s1 += a[p + k + 1]! * b[q + k + 1]!
    s2 += a[p + k + 2]! * b[q + k + 2]!
    s3 += a[p + k + 3]! * b[q + k + 3]!
  }
  for (; k < dimensions; k++) s0 += a[p + k]! * b[q + k]!
  return s0 + s1 + (s2 + s3)
}

/**
 * All dot products of rows of `x` with rows of `y`: [count of x, count of y], row-major.
 * @throws Error when their lengths differ
 */
export function dots(x: Vectors, y: Vectors): Float64Array {
  sameDimensions(x, y)
  const [rows, columns] = [countOf(x), countOf(y)]
  const products = new Float64Array(rows * columns)
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) products[i * columns + j] = dot(x, i, y, j)
  return products
}

/** The products of the rows of one matrix with each other: symmetric, [count, count]. */
export function gram(x: Vectors): Float64Array {
  const n = countOf(x)
  const products = new Float64Array(n * n)
  for (let i = 0; i < n; i++)
    for (let j = 0; j <= i; j++) {
      const product = dot(x, i, x, j)
      products[i * n + j] = product
      products[j * n + i] = product
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
