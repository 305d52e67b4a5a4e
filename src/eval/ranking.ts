/** Which pictures went best and worst, for people to look at. */
import { stack } from './embedded.ts'
import type { EvalSet } from './eval-set.ts'
import { embeddingOf } from './features/networks.ts'
import { dot } from './metrics/vectors.ts'

/** A version's pictures by how alike judges find them to their originals. */
export interface Ranked {
  readonly version: string
  /** Most alike first. */
  readonly faces: readonly {
    readonly name: string
    readonly original: string
    readonly picture: string
    /** Mean cosine over the judges. */
    readonly similarity: number
  }[]
}

/** Faces of the first sample of each version, cut out where the original's is; by the judges whose embeddings were computed. */
export async function rankFaces(evalSet: EvalSet): Promise<Ranked[]> {
  const ranked: Ranked[] = []
  for (const version of evalSet.versions.keys()) {
    const judges = evalSet.recognizers.filter(
      name => evalSet.role(name) === 'judge' && evalSet.hasRows(embeddingOf(name), version),
    )
    if (judges.length === 0) continue
    const sums = new Float64Array(evalSet.cases.length)
    for (const judge of judges) {
      const originals = await evalSet.rows(embeddingOf(judge), 'original')
      const versions = await evalSet.rows(embeddingOf(judge), version)
      for (const [i, row] of versions.entries())
        sums[i]! += row ? dot(stack([originals[i]!]), 0, stack([row]), 0) / judges.length : Number.NaN
    }
    const faces = evalSet.cases.map(({ name }, i) => ({
      name,
      original: evalSet.originals[i]!.path,
      picture: evalSet.pictures(version)[i]!.path,
      similarity: sums[i]!,
    }))
    ranked.push({
      version,
      faces: faces.filter(({ similarity }) => !Number.isNaN(similarity)).sort((a, b) => b.similarity - a.similarity),
    })
  }
  return ranked
}
