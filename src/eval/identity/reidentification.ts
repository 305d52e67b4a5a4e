/** Is the person found among all originals by a version? */
import { embedded, embeddedPairs } from '../embedded.ts'
import { embeddingsOf } from '../features/networks.ts'
import { shareOf } from '../intervals.ts'
import type { Metric, Score } from '../metric.ts'
import { reidentificationDefinition, reidentify } from '../metrics/reidentification.ts'

const ranks = [1, 5]

/** Each version is searched for among all originals, its own one among them. */
export const reidentification: Metric = {
  name: 'reidentification',
  group: 'identity',
  definitions: [reidentificationDefinition],
  needs: embeddingsOf,
  run: async (evalSet, version) => {
    const values: Score[] = []
    for (const recognizer of evalSet.recognizers)
      for (const alignment of ['original', 'own'] as const) {
        const { version: queries } = await embeddedPairs(evalSet, recognizer, version, alignment)
        if (queries.cases.length === 0) continue
        const gallery = await embedded(evalSet, recognizer, 'original', alignment)
        const found = reidentify(
          { embeddings: queries.vectors, identities: queries.identities },
          { embeddings: gallery.vectors, identities: gallery.identities },
          ranks,
        )
        for (const k of ranks)
          values.push({
            definition: reidentificationDefinition.id,
            version,
            of: `rank ${k} of ${found.people}`,
            ...shareOf(
              Array.from(found.ranks, rank => rank <= k),
              queries.identities.map(identity => [identity]),
            ),
            recognizer,
            role: evalSet.role(recognizer),
            alignment,
          })
      }
    return { values }
  },
}
