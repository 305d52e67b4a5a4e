/** Attack: can protected pictures be told from originals? */
import { embeddedPairs } from '../embedded.ts'
import { embeddingsOf } from '../features/networks.ts'
import { shareOf } from '../intervals.ts'
import type { Metric, Value } from '../metric.ts'
import type { Definition } from '../metrics/definition.ts'
import { foldsOf, ridge, select } from './ridge.ts'

const protectedDetectorDefinition: Definition = {
  id: 'protected-detector',
  name: 'Detector of protection',
  unit: 'share, 0..1; 0.5 is ideal',
  text:
    'Share of originals and protected pictures, as many of each, that a linear classifier (ridge regression to +1 and -1, ' +
    'strength 0.1) on a recognizer’s embeddings tells apart: five folds by person, each judged by what was learned on the ' +
    'other four.',
  source: 'this project',
}

const folds = 5
const strength = 0.1

export const protectedDetector: Metric = {
  name: 'protected-detector',
  group: 'attacks',
  definitions: [protectedDetectorDefinition],
  needs: embeddingsOf,
  run: async (study, version) => {
    const values: Value[] = []
    for (const recognizer of study.recognizers) {
      const pairs = await embeddedPairs(study, recognizer, version, 'original')
      const n = pairs.original.cases.length
      if (new Set(pairs.original.identities).size < folds)
        return { values, notes: [`a detector of protection needs ${folds} people or more`] }
      const { dimensions } = pairs.original.vectors
      const all = new Float64Array(2 * n * dimensions)
      all.set(pairs.original.vectors.values)
      all.set(pairs.version.vectors.values, n * dimensions)
      const vectors = { dimensions, values: all }
      const identities = [...pairs.original.identities, ...pairs.version.identities]
      const signs = Float64Array.from({ length: 2 * n }, (_, i) => (i < n ? -1 : 1))
      const fold = foldsOf(identities, folds)
      const right = new Array<boolean>(2 * n)
      for (let test = 0; test < folds; test++) {
        const train = [...identities.keys()].filter(i => fold[i] !== test)
        const held = [...identities.keys()].filter(i => fold[i] === test)
        const map = ridge(select(vectors, train), select({ dimensions: 1, values: signs }, train), strength)
        const outputs = map.apply(select(vectors, held)).values
        for (const [k, i] of held.entries()) right[i] = outputs[k]! > 0 === signs[i]! > 0
      }
      values.push({
        definition: protectedDetectorDefinition.id,
        version,
        ...shareOf(
          right,
          identities.map(identity => [identity]),
        ),
        recognizer,
        role: study.role(recognizer),
        alignment: 'original',
      })
    }
    return { values }
  },
}
