/** Which pictures went best and worst, for people to look at. */
import { stack } from './embedded.ts'
import { embeddingOf } from './features/networks.ts'
import { dot } from './metrics/vectors.ts'
import type { Study } from './study.ts'

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
export async function rankFaces(study: Study): Promise<Ranked[]> {
  const ranked: Ranked[] = []
  for (const version of study.versions.keys()) {
    const judges = study.recognizers.filter(
      name => study.role(name) === 'judge' && study.hasRows(embeddingOf(name), version),
    )
    if (judges.length === 0) continue
    const sums = new Float64Array(study.cases.length)
    for (const judge of judges) {
      const originals = await study.rows(embeddingOf(judge), 'original')
      const versions = await study.rows(embeddingOf(judge), version)
      for (const [i, row] of versions.entries())
        sums[i]! += row ? dot(stack([originals[i]!]), 0, stack([row]), 0) / judges.length : Number.NaN
    }
    const faces = study.cases.map(({ name }, i) => ({
      name,
      original: study.originals[i]!.path,
      picture: study.pictures(version)[i]!.path,
      similarity: sums[i]!,
    }))
    ranked.push({
      version,
      faces: faces.filter(({ similarity }) => !Number.isNaN(similarity)).sort((a, b) => b.similarity - a.similarity),
    })
  }
  return ranked
}
