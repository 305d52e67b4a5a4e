/** How far all pictures of a version are from all originals, as distributions of features. */
import { stack } from '../embeddings.ts'
import type { DistributionNetwork } from '../features/inception.ts'
import { faceCrops } from '../features/inception.ts'
import type { Metric } from '../metric.ts'
import { bootstrap } from './bootstrap.ts'
import { isMeasured } from './definition.ts'
import { fid, fidDefinition } from './fid.ts'
import { kid, kidDefinition, kidOthers, kidOthersDefinition } from './kid.ts'
import { precisionDefinition, precisionRecall, recallDefinition } from './precision-recall.ts'
import { productsOf, type Vectors } from './vectors.ts'

export const distanceDefinitions = [fidDefinition, kidDefinition, precisionDefinition, recallDefinition]

/** Of the first sample, so that as many pictures are on each side. */
export function distribution({ name: network, feature }: DistributionNetwork): Metric {
  return {
    name: 'distribution',
    group: 'quality',
    definitions: distanceDefinitions,
    needs: () => [feature],
    run: async (evalSet, version) => {
      const [a, b] = await Promise.all(
        ['original', version].map(async which => stack((await evalSet.rows(feature, which)).map(row => row!))),
      )
      const { values, notes } = distances(a!, b!)
      const about = { version, n: evalSet.cases.length, network }
      return {
        values: values.map(([definition, value]) => ({ definition, value, ...about })),
        notes: notes.map(note => `${version}: ${note}`),
      }
    },
  }
}

/** FID, KID, precision and recall of made features against original ones, by the ids of their definitions. */
export function distances(
  original: Vectors,
  made: Vectors,
): { values: [definition: string, value: number][]; notes: string[] } {
  const notes: string[] = []
  const values: [string, number][] = []
  const distance = fid(original, made)
  if (isMeasured(distance)) values.push([fidDefinition.id, distance])
  else notes.push(distance.unmeasured)
  const products = productsOf(original, made)
  const kernel = kid(products)
  if (isMeasured(kernel)) values.push([kidDefinition.id, kernel.mean])
  else notes.push(kernel.unmeasured)
  const shares = precisionRecall(products)
  if (isMeasured(shares)) values.push([precisionDefinition.id, shares.precision], [recallDefinition.id, shares.recall])
  else notes.push(shares.unmeasured)
  return { values, notes }
}

// How far protected faces are, as a set, from photos of other people.

/** Of the first sample. */
export function distanceToOthers(network: DistributionNetwork): Metric {
  const feature = faceCrops(network)
  return {
    name: 'kid-others',
    group: 'quality',
    definitions: [kidOthersDefinition],
    needs: () => [feature],
    run: async (evalSet, version) => {
      const rows = await evalSet.rows(feature, version)
      const found = rows.flatMap((row, i) => (row && row.length > 0 ? [{ row, of: evalSet.cases[i]!.identity }] : []))
      if (found.length === 0) return { values: [] }
      const half = found[0]!.row.length / 2
      const sets = [half, 0].map(start => stack(found.map(({ row }) => row.subarray(start, start + half))))
      const people = found.map(({ of }) => of)
      const distance = kidOthers(productsOf(sets[0]!, sets[1]!), people)
      if (!isMeasured(distance)) return { values: [], notes: [`${version}: ${distance.unmeasured}`] }
      const { low, high } = bootstrap(
        people.map(person => [person]),
        distance,
        { resamples: 200 },
      )
      return {
        values: [
          {
            definition: kidOthersDefinition.id,
            version,
            value: distance(new Float64Array(found.length).fill(1)),
            n: found.length,
            interval: [low, high],
            network: network.name,
          },
        ],
      }
    },
  }
}
