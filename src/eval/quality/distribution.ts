/** How far all pictures of a version are from all originals, as distributions of features. */
import { stack } from '../embedded.ts'
import type { DistributionNetwork } from '../features/inception.ts'
import type { Metric } from '../metric.ts'
import { isMeasured } from '../metrics/definition.ts'
import { fid, fidDefinition } from '../metrics/fid.ts'
import { kid, kidDefinition } from '../metrics/kid.ts'
import { precisionDefinition, precisionRecall, recallDefinition } from '../metrics/precision-recall.ts'
import { productsOf, type Vectors } from '../metrics/vectors.ts'

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
