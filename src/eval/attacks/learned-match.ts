/** Attack: a recognizer that has learned, on other people, how protection changes faces. */
import { embedded, embeddedPairs } from '../embeddings.ts'
import { embeddingsOf } from '../features/networks.ts'
import { shareOf } from '../intervals.ts'
import type { Metric, Score } from '../metric.ts'
import type { Definition } from '../metrics/definition.ts'
import { reidentify } from '../metrics/reidentification.ts'
import type { Vectors } from '../metrics/vectors.ts'
import { foldsOf, normalised, ridge, select } from './ridge.ts'

const learnedMatchDefinition: Definition = {
  id: 'learned-match',
  name: 'Learned re-identification',
  unit: 'share, 0..1; k / people by chance',
  text:
    'Share of the protected pictures whose person is among the k most similar people of a gallery of all originals, after ' +
    'a linear map from the embeddings of protected faces to those of their originals (ridge regression, strength 1) was ' +
    'learned on pairs of other people: five folds by person, each searched for with the map of the other four. Compare ' +
    'it with rank-k re-identification, which is without learning.',
  source: 'this project; the map as in Hoerl and Kennard, Technometrics 12(1), 1970',
}

const folds = 5
const strength = 1
const ranks = [1, 5]

/** Fewer people than this leave too little to learn from. */
export const leastPeople = 20

/** Needs no second picture of anyone: it learns on some people and searches for others. */
export const learnedMatch: Metric = {
  name: 'learned-match',
  group: 'attacks',
  definitions: [learnedMatchDefinition],
  needs: embeddingsOf,
  run: async (evalSet, version) => {
    const people = new Set(evalSet.cases.map(({ identity }) => identity)).size
    if (people < leastPeople)
      return {
        values: [],
        notes: [`learned re-identification needs ${leastPeople} people or more, there are ${people}`],
      }
    const values: Score[] = []
    for (const recognizer of evalSet.recognizers) {
      const pairs = await embeddedPairs(evalSet, recognizer, version, 'original')
      if (pairs.original.cases.length === 0) continue
      const { identities } = pairs.original
      const mapped = crossMapped(pairs.version.vectors, pairs.original.vectors, identities)
      const gallery = await embedded(evalSet, recognizer, 'original', 'original')
      const found = reidentify(
        { embeddings: mapped, identities },
        { embeddings: gallery.vectors, identities: gallery.identities },
        ranks,
      )
      for (const k of ranks)
        values.push({
          definition: learnedMatchDefinition.id,
          version,
          of: `rank ${k} of ${found.people}`,
          ...shareOf(
            Array.from(found.ranks, rank => rank <= k),
            identities.map(identity => [identity]),
          ),
          recognizer,
          role: evalSet.role(recognizer),
          alignment: 'original',
        })
    }
    return { values }
  },
}

/** Each input through a map that was learned without its person. */
function crossMapped(inputs: Vectors, targets: Vectors, identities: readonly string[]): Vectors {
  const fold = foldsOf(identities, folds)
  const values = new Float64Array(identities.length * targets.dimensions)
  for (let test = 0; test < folds; test++) {
    const [train, held] = [true, false].map(isTrain =>
      [...identities.keys()].filter(i => (fold[i] !== test) === isTrain),
    ) as [number[], number[]]
    const map = ridge(select(inputs, train), select(targets, train), strength)
    const mapped = normalised(map.apply(select(inputs, held)))
    for (const [k, i] of held.entries())
      values.set(mapped.values.subarray(k * targets.dimensions, (k + 1) * targets.dimensions), i * targets.dimensions)
  }
  return { dimensions: targets.dimensions, values }
}
