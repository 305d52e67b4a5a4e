/** Embeddings of the pictures in which a face was found, as metrics of identity take them. */
import type { AnyRecognizerName } from '../faces/recognizers.ts'
import type { EvalItem, EvalSet } from './eval-set.ts'
import type { Alignment } from './features/feature.ts'
import { embeddingOf } from './features/networks.ts'
import type { Vectors } from './metrics/vectors.ts'

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
