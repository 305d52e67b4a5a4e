/** Attack: can protected pictures be told from originals? */
import { embeddedPairs, stack } from '../embeddings.ts'
import type { DistributionNetwork } from '../features/inception.ts'
import { faceCrops } from '../features/inception.ts'
import { embeddingsOf } from '../features/networks.ts'
import { shareOf } from '../intervals.ts'
import type { Metric, Score } from '../metric.ts'
import { bootstrap } from '../metrics/bootstrap.ts'
import type { Definition } from '../metrics/definition.ts'
import { weightedAuc } from '../metrics/roc.ts'
import type { Vectors } from '../metrics/vectors.ts'
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

/** What the classifier makes of each picture, positive where it takes it for protected: originals first. */
export interface Classified {
  readonly outputs: readonly number[]
  readonly isProtected: readonly boolean[]
  readonly identities: readonly string[]
}

/** People that a classifier needs: one for each fold. */
export const leastPeople = folds

/**
 * Classifies originals and protected pictures, a row of each for the same picture, in folds by person.
 * @param people who is in each row
 */
export function classify(originals: Vectors, versions: Vectors, people: readonly string[]): Classified {
  const n = people.length
  const all = new Float64Array(originals.values.length + versions.values.length)
  all.set(originals.values)
  all.set(versions.values, originals.values.length)
  const vectors = { dimensions: originals.dimensions, values: all }
  const identities = [...people, ...people]
  const isProtected = identities.map((_, i) => i >= n)
  const signs = Float64Array.from(isProtected, is => (is ? 1 : -1))
  const fold = foldsOf(identities, folds)
  const outputs = new Array<number>(2 * n)
  for (let test = 0; test < folds; test++) {
    const train = [...identities.keys()].filter(i => fold[i] !== test)
    const held = [...identities.keys()].filter(i => fold[i] === test)
    const map = ridge(select(vectors, train), select({ dimensions: 1, values: signs }, train), strength)
    const found = map.apply(select(vectors, held)).values
    for (const [k, i] of held.entries()) outputs[i] = found[k]!
  }
  return { outputs, isProtected, identities }
}

export const protectedDetector: Metric = {
  name: 'protected-detector',
  group: 'attacks',
  definitions: [protectedDetectorDefinition],
  needs: embeddingsOf,
  run: async (evalSet, version) => {
    const values: Score[] = []
    for (const recognizer of evalSet.recognizers) {
      const pairs = await embeddedPairs(evalSet, recognizer, version, 'original')
      if (new Set(pairs.original.identities).size < folds)
        return { values, notes: [`a detector of protection needs ${folds} people or more`] }
      const { outputs, isProtected, identities } = classify(
        pairs.original.vectors,
        pairs.version.vectors,
        pairs.original.identities,
      )
      const right = outputs.map((output, i) => output > 0 === isProtected[i])
      values.push({
        definition: protectedDetectorDefinition.id,
        version,
        ...shareOf(
          right,
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

// Attack: how well does a classifier separate protected pictures from originals at every threshold, by embedding and by rendering?

const protectedAucDefinition: Definition = {
  id: 'protected-auc',
  name: 'Detector of protection, AUC',
  unit: 'share, 0..1; 0.5 is ideal',
  text:
    'Probability that the classifier of “Detector of protection” gives a protected picture more than an original: the area ' +
    'under the ROC curve of what it makes of people that it did not learn on. It reads a recognizer’s embeddings, or the ' +
    'features that a network for distances between sets makes of the face cut out in FFHQ’s alignment at 256 x 256: the ' +
    'latter sees how a picture is drawn, too.',
  source: 'this project',
}

export function protectedAuc(network: DistributionNetwork): Metric {
  const crops = faceCrops(network)
  return {
    name: 'protected-auc',
    group: 'attacks',
    definitions: [protectedAucDefinition],
    needs: evalSet => [...embeddingsOf(evalSet), crops],
    run: async (evalSet, version) => {
      const values: Score[] = []
      const add = (classified: Classified, about: Partial<Score>) =>
        values.push({ definition: protectedAucDefinition.id, version, ...measured(classified), ...about })
      for (const recognizer of evalSet.recognizers) {
        const { original, version: made } = await embeddedPairs(evalSet, recognizer, version, 'original')
        if (new Set(original.identities).size < leastPeople)
          return { values, notes: [`${version}: a detector of protection needs ${leastPeople} people or more`] }
        const role = evalSet.role(recognizer)
        add(classify(original.vectors, made.vectors, original.identities), { recognizer, role, alignment: 'original' })
      }
      const found = (await evalSet.rows(crops, version)).flatMap((row, i) =>
        row && row.length > 0 ? [{ row, of: evalSet.cases[i]!.identity }] : [],
      )
      const people = found.map(({ of }) => of)
      if (new Set(people).size < leastPeople) return { values }
      const half = found[0]!.row.length / 2
      const [originals, versions] = [0, half].map(start =>
        stack(found.map(({ row }) => row.subarray(start, start + half))),
      )
      add(classify(originals!, versions!, people), { network: network.name })
      return { values }
    },
  }
}

function measured({ outputs, isProtected, identities }: Classified): Pick<Score, 'value' | 'n' | 'interval'> {
  const auc = weightedAuc(outputs, isProtected)
  const { low, high } = bootstrap(
    identities.map(identity => [identity]),
    auc,
  )
  return { value: auc(new Float64Array(outputs.length).fill(1)), n: outputs.length, interval: [low, high] }
}
