/** Attack: a recognizer's features with a head that was trained on protected pictures of the very people. */
import { embedded } from '../embeddings.ts'
import type { EvalSet } from '../eval-set.ts'
import { embeddingsOf } from '../features/networks.ts'
import { shareOf } from '../intervals.ts'
import type { Metric, Score } from '../metric.ts'
import type { Definition } from '../metrics/definition.ts'
import type { Vectors } from '../metrics/vectors.ts'
import { ridge, select } from './ridge.ts'

const identityHeadDefinition: Definition = {
  id: 'identity-head',
  name: 'Trained head',
  unit: 'share, 0..1; 1 / people by chance',
  text:
    'Share of the protected pictures whose person is named right by a linear classifier (ridge regression to one of as ' +
    'many outputs as people, strength 0.1) on a recognizer’s embeddings, trained on other protected pictures of the same ' +
    'people: of other photos where a person has several, or else on other samples of the same photo. Closed set. The ' +
    'split and the number of people are named beside it.',
  source: 'this project, after the fine-tuned recognizers that reviewers of such methods ask for',
}

const strength = 0.1

export const identityHead: Metric = {
  name: 'identity-head',
  group: 'attacks',
  definitions: [identityHeadDefinition],
  needs: embeddingsOf,
  run: async (evalSet, version) => {
    const values: Score[] = []
    for (const recognizer of evalSet.recognizers) {
      const split = await splitOf(evalSet, recognizer, version)
      if (!split)
        return {
          values: [],
          notes: ['a trained head needs several protected pictures of some people: more photos or samples'],
        }
      const { vectors, identities, test, by } = split
      const people = [...new Set(identities)]
      const [train, held] = [false, true].map(isTest => [...identities.keys()].filter(i => test[i] === isTest)) as [
        number[],
        number[],
      ]
      const targets = oneHot(
        train.map(i => people.indexOf(identities[i]!)),
        people.length,
      )
      const outputs = ridge(select(vectors, train), targets, strength).apply(select(vectors, held))
      const right = held.map((i, k) => people[largest(outputs, k)] === identities[i])
      values.push({
        definition: identityHeadDefinition.id,
        version,
        of: `one of ${people.length}, by ${by}`,
        ...shareOf(
          right,
          held.map(i => [identities[i]!]),
        ),
        recognizer,
        role: evalSet.role(recognizer),
        alignment: 'original',
      })
    }
    return { values }
  },
}

/** Protected pictures of people of whom there are several, the last photo of each for the test; or the last samples. */
async function splitOf(evalSet: EvalSet, recognizer: (typeof evalSet.recognizers)[number], version: string) {
  const samples = await Promise.all(
    Array.from({ length: evalSet.sampleCount(version) }, (_, sample) =>
      embedded(evalSet, recognizer, version, 'original', sample),
    ),
  )
  const rows = samples.flatMap(({ cases, vectors }, sample) =>
    cases.map((of, i) => ({ ...of, sample, row: select(vectors, [i]) })),
  )
  const photos = new Map<string, Set<string>>()
  for (const { identity, name } of rows) photos.set(identity, (photos.get(identity) ?? new Set()).add(name))
  const several = rows.filter(({ identity }) => photos.get(identity)!.size > 1)
  const chosen = several.length > 0 ? several : samples.length > 1 ? rows : []
  if (new Set(chosen.map(({ identity }) => identity)).size < 2) return undefined
  const values = new Float64Array(chosen.length * chosen[0]!.row.dimensions)
  for (const [i, { row }] of chosen.entries()) values.set(row.values, i * row.dimensions)
  const vectors: Vectors = { dimensions: chosen[0]!.row.dimensions, values }
  const isByPhoto = several.length > 0
  return {
    vectors,
    identities: chosen.map(({ identity }) => identity),
    test: chosen.map(({ identity, name, sample }) =>
      isByPhoto ? name === [...photos.get(identity)!].at(-1) : sample === samples.length - 1,
    ),
    by: isByPhoto ? 'other photos' : 'other samples',
  }
}

function oneHot(labels: readonly number[], count: number): Vectors {
  const values = new Float64Array(labels.length * count)
  for (const [i, label] of labels.entries()) values[i * count + label] = 1
  return { dimensions: count, values }
}

function largest({ dimensions, values }: Vectors, row: number): number {
  const outputs = values.subarray(row * dimensions, (row + 1) * dimensions)
  return outputs.indexOf(Math.max(...outputs))
}
