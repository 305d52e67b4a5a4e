/** Attack: how well can protected pictures be told from originals at every threshold, by faces and by how they are drawn? */
import { embeddedPairs, stack } from '../embedded.ts'
import { faceCrops } from '../features/face-crops.ts'
import type { DistributionNetwork } from '../features/inception.ts'
import { embeddingsOf } from '../features/networks.ts'
import type { Metric, Score } from '../metric.ts'
import { bootstrap } from '../metrics/bootstrap.ts'
import type { Definition } from '../metrics/definition.ts'
import { weightedAuc } from '../metrics/weighted-auc.ts'
import { type Classified, classify, leastPeople } from './protected-detector.ts'

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
