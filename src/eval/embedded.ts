/** Embeddings of the pictures in which a face was found, as metrics of identity take them. */
import type { AnyRecognizerName } from '../faces/recognizers.ts'
import type { Alignment } from './features/feature.ts'
import { embeddingOf } from './features/networks.ts'
import type { Vectors } from './metrics/vectors.ts'
import type { Case, Study } from './study.ts'

/** Embeddings, row after row, and the case that each row is of. */
export interface Embedded {
  readonly vectors: Vectors
  readonly cases: readonly Case[]
  readonly identities: readonly string[]
}

/** Embeddings of one sample of a version. */
export async function embedded(
  study: Study,
  recognizer: AnyRecognizerName,
  version: string,
  alignment: Alignment,
  sample = 0,
): Promise<Embedded> {
  const rows = await study.rows(embeddingOf(recognizer), version, { sample, alignment })
  return gather(rows.flatMap((row, i) => (row ? [{ row, of: study.cases[i]! }] : [])))
}

/** Originals and all samples of a version, row i of the one beside row i of the other, where both have a face. */
export async function embeddedPairs(
  study: Study,
  recognizer: AnyRecognizerName,
  version: string,
  alignment: Alignment,
): Promise<{ original: Embedded; version: Embedded }> {
  const originals = await study.rows(embeddingOf(recognizer), 'original', { alignment })
  const pairs: { of: Case; original: Float32Array; version: Float32Array }[] = []
  for (let sample = 0; sample < study.sampleCount(version); sample++) {
    const rows = await study.rows(embeddingOf(recognizer), version, { sample, alignment })
    for (const [i, row] of rows.entries())
      if (row && originals[i]) pairs.push({ of: study.cases[i]!, original: originals[i], version: row })
  }
  return {
    original: gather(pairs.map(({ of, original }) => ({ of, row: original }))),
    version: gather(pairs.map(({ of, version }) => ({ of, row: version }))),
  }
}

function gather(found: readonly { readonly row: Float32Array; readonly of: Case }[]): Embedded {
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
