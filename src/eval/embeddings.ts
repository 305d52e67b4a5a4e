/** Embeddings of many faces at once, and similarities of their pairs. */
import * as tf from '@tensorflow/tfjs'
import type { FaceStore } from '../data/face-store.ts'
import type { Recognizer } from '../models/recognizers/recognizer.ts'
import type { Pair } from './pairs.ts'

/** Unit vectors, row after row: [count, dimensions]. */
export interface Embeddings {
  readonly dimensions: number
  readonly values: Float32Array
}

const batchSize = 16

/** Embeds every face of a store. */
export async function embedStore(
  recognizer: Recognizer,
  store: FaceStore,
  onProgress: (done: number) => void = () => {},
): Promise<Embeddings> {
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

/** Cosine similarity of the rows of each pair. */
export function similarities({ dimensions, values }: Embeddings, pairs: readonly Pair[]): Float32Array {
  return Float32Array.from(pairs, ([a, b]) => {
    const [p, q] = [a * dimensions, b * dimensions]
    let sum = 0
    for (let i = 0; i < dimensions; i++) sum += values[p + i]! * values[q + i]!
    return sum
  })
}

/** Cosine similarity of each of `rows` with every later one: n (n - 1) / 2 of them. */
export async function allSimilarities(
  { dimensions, values }: Embeddings,
  rows: readonly number[],
): Promise<Float32Array> {
  const n = rows.length
  const chosen = new Float32Array(n * dimensions)
  for (const [i, row] of rows.entries())
    chosen.set(values.subarray(row * dimensions, (row + 1) * dimensions), i * dimensions)
  const gram = tf.tidy(() => {
    const matrix = tf.tensor2d(chosen, [n, dimensions])
    return tf.matMul(matrix, matrix, false, true)
  })
  const products = await gram.data()
  gram.dispose()
  const result = new Float32Array((n * (n - 1)) / 2)
  let k = 0
  for (let i = 0; i < n; i++) {
    result.set(products.subarray(i * n + i + 1, (i + 1) * n), k)
    k += n - 1 - i
  }
  return result
}
