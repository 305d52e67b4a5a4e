/** Embeddings of many faces at once, and similarities of their pairs. */
import * as tf from '@tensorflow/tfjs'
import type { FaceStore } from '../data/face-store.ts'
import type { Recognizer } from '../models/recognizers/recognizer.ts'
import { dot, gram, type Vectors } from './metrics/vectors.ts'
import type { Pair } from './pairs.ts'

const batchSize = 16

/** Unit vectors of every face of a store. */
export async function embedStore(
  recognizer: Recognizer,
  store: FaceStore,
  onProgress: (done: number) => void = () => {},
): Promise<Vectors> {
  const { dimensions } = recognizer
  const values = new Float32Array(store.count * dimensions)
  for (let start = 0; start < store.count; start += batchSize) {
    const end = Math.min(start + batchSize, store.count)
    const faces = await store.faces(Array.from({ length: end - start }, (_, i) => start + i))
    const embedded = recognizer.embed(faces)
    values.set(await embedded.data(), start * dimensions)
    tf.dispose([faces, embedded])
    onProgress(end)
  }
  return { dimensions, values }
}

/** Cosine similarity of each pair of a row of `x` and one of `y`, unit vectors. */
export function similarities(x: Vectors, y: Vectors, pairs: readonly Pair[]): Float64Array {
  return Float64Array.from(pairs, ([i, j]) => dot(x, i, y, j))
}

/** Cosine similarity of each of `rows` with every later one: n (n - 1) / 2 of them. */
export function allSimilarities({ dimensions, values }: Vectors, rows: readonly number[]): Float64Array {
  const n = rows.length
  const chosen = new Float64Array(n * dimensions)
  for (const [i, row] of rows.entries())
    chosen.set(values.subarray(row * dimensions, (row + 1) * dimensions), i * dimensions)
  const products = gram({ dimensions, values: chosen })
  const result = new Float64Array((n * (n - 1)) / 2)
  let k = 0
  for (let i = 0; i < n; i++) {
    result.set(products.subarray(i * n + i + 1, (i + 1) * n), k)
    k += n - 1 - i
  }
  return result
}
