/** Finding a person in a gallery by one picture. */

import { embedded, embeddedPairs } from '../embeddings.ts'
import { embeddingsOf } from '../features/networks.ts'
import { shareOf } from '../intervals.ts'
import type { Metric, Score } from '../metric.ts'
import { type Proportion, proportion } from './bootstrap.ts'
import type { Definition } from './definition.ts'
import { countOf, dot, sameDimensions, type Vectors } from './vectors.ts'

export const reidentificationDefinition: Definition = {
  id: 'reidentification',
  name: 'Rank-k re-identification',
  unit: 'share, 0..1; k / people by chance',
  text:
    'Share of the pictures whose person is among the k people of a gallery that are most similar: people are ranked by ' +
    'the cosine similarity of their most similar gallery picture, ties in favour of the search. Everyone who is searched ' +
    'for is in the gallery (closed set), whose size is named beside it.',
  source: 'ISO/IEC 19795-1, closed-set identification (cumulative match characteristic)',
}

/** Embeddings of pictures and who each shows. */
export interface Labelled {
  readonly embeddings: Vectors
  readonly identities: readonly string[]
}

export interface Reidentification {
  /** Of each query, from 1: how many people of the gallery are more similar than the right one, plus 1. */
  readonly ranks: Uint32Array
  /** Share of queries of rank at most k, by k. */
  readonly rates: Readonly<Record<number, Proportion>>
  /** People in the gallery. */
  readonly people: number
}

/**
 * Searches the gallery for the person of each query.
 * @throws Error when a query's person is not in the gallery
 */
export function reidentify(queries: Labelled, gallery: Labelled, ks: readonly number[] = [1, 5]): Reidentification {
  sameDimensions(queries.embeddings, gallery.embeddings)
  checkLabels(queries)
  checkLabels(gallery)
  const numbers = new Map([...new Set(gallery.identities)].map((identity, i) => [identity, i]))
  const owners = Uint32Array.from(gallery.identities, identity => numbers.get(identity)!)
  const ranks = Uint32Array.from(queries.identities, (identity, query) => {
    const own = numbers.get(identity)
    if (own === undefined) throw new Error(`reidentify: '${identity}' is not in the gallery`)
    const best = new Float64Array(numbers.size).fill(-Infinity)
    for (let i = 0; i < owners.length; i++)
      best[owners[i]!] = Math.max(best[owners[i]!]!, dot(queries.embeddings, query, gallery.embeddings, i))
    return best.reduce((rank, similarity) => rank + (similarity > best[own]! ? 1 : 0), 1)
  })
  const rates = Object.fromEntries(
    ks.map(k => [
      k,
      proportion(
        ranks.reduce((count, rank) => count + (rank <= k ? 1 : 0), 0),
        ranks.length,
      ),
    ]),
  )
  return { ranks, rates, people: numbers.size }
}

function checkLabels({ embeddings, identities }: Labelled): void {
  if (countOf(embeddings) !== identities.length)
    throw new Error(`reidentify: expected ${countOf(embeddings)} names, found ${identities.length}`)
}

// Is the person found among all originals by a version?

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
