/** Embeddings of many faces at once, and similarities of their pairs. */
import * as tf from '@tensorflow/tfjs'
import type { FaceStore } from '../data/face-store.ts'
import type { AnyRecognizerName } from '../faces/recognizers.ts'
import type { Recognizer } from '../models/recognizers/recognizer.ts'
import type { EvalItem, EvalSet } from './eval-set.ts'
import type { Alignment, Feature } from './features/feature.ts'
import { embeddingOf } from './features/networks.ts'
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

// Embeddings of the pictures in which a face was found, as metrics of identity take them.

/** Embeddings, row after row, and the case that each row is of. */
export interface Embedded {
  readonly vectors: Vectors
  readonly cases: readonly EvalItem[]
  readonly identities: readonly string[]
}

/** Embeddings of one sample of a version. */
export async function embedded(
  evalSet: EvalSet,
  recognizer: AnyRecognizerName,
  version: string,
  alignment: Alignment,
  sample = 0,
): Promise<Embedded> {
  const rows = await evalSet.rows(embeddingOf(recognizer), version, { sample, alignment })
  return gather(rows.flatMap((row, i) => (row ? [{ row, of: evalSet.cases[i]! }] : [])))
}

/** Originals and all samples of a version, row i of the one beside row i of the other, where both have a face. */
export async function embeddedPairs(
  evalSet: EvalSet,
  recognizer: AnyRecognizerName,
  version: string,
  alignment: Alignment,
): Promise<{ original: Embedded; version: Embedded }> {
  const originals = await evalSet.rows(embeddingOf(recognizer), 'original', { alignment })
  const pairs: { of: EvalItem; original: Float32Array; version: Float32Array }[] = []
  for (let sample = 0; sample < evalSet.sampleCount(version); sample++) {
    const rows = await evalSet.rows(embeddingOf(recognizer), version, { sample, alignment })
    for (const [i, row] of rows.entries())
      if (row && originals[i]) pairs.push({ of: evalSet.cases[i]!, original: originals[i], version: row })
  }
  return {
    original: gather(pairs.map(({ of, original }) => ({ of, row: original }))),
    version: gather(pairs.map(({ of, version }) => ({ of, row: version }))),
  }
}

function gather(found: readonly { readonly row: Float32Array; readonly of: EvalItem }[]): Embedded {
  const cases = found.map(({ of }) => of)
  return { vectors: stack(found.map(({ row }) => row)), cases, identities: cases.map(({ identity }) => identity) }
}

/** Rows of one length as one matrix. */
export function stack(rows: readonly Float32Array[]): Vectors {
  const dimensions = rows[0]?.length ?? 0
  const values = new Float32Array(rows.length * dimensions)
  for (const [i, row] of rows.entries()) values.set(row, i * dimensions)
  return { dimensions, values }
}

/** The rows of all samples of a version, where there is one, and who each is of. */
export async function pooled(
  evalSet: EvalSet,
  feature: Feature,
  version: string,
  alignment: Alignment = 'original',
): Promise<{ rows: Float32Array[]; people: [string][]; cases: number[] }> {
  const rows: Float32Array[] = []
  const cases: number[] = []
  for (let sample = 0; sample < evalSet.sampleCount(version); sample++)
    for (const [i, row] of (await evalSet.rows(feature, version, { sample, alignment })).entries())
      if (row) {
        rows.push(row)
        cases.push(i)
      }
  return { rows, cases, people: cases.map(i => [evalSet.cases[i]!.identity]) }
}
