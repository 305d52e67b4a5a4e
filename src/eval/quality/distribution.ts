/** How far all pictures of a version are from all originals, as distributions of features. */
import { stack } from '../embedded.ts'
import type { DistributionNetwork } from '../features/inception.ts'
import type { Metric, Value } from '../metric.ts'
import { isMeasured } from '../metrics/definition.ts'
import { fid, fidDefinition } from '../metrics/fid.ts'
import { kid, kidDefinition } from '../metrics/kid.ts'
import { precisionDefinition, precisionRecall, recallDefinition } from '../metrics/precision-recall.ts'
import { productsOf } from '../metrics/vectors.ts'

/** Of the first sample, so that as many pictures are on each side. */
export function distribution({ name: network, feature }: DistributionNetwork): Metric {
  return {
    name: 'distribution',
    group: 'quality',
    definitions: [fidDefinition, kidDefinition, precisionDefinition, recallDefinition],
    needs: () => [feature],
    run: async (study, version) => {
      const [a, b] = await Promise.all(
        ['original', version].map(async which => stack((await study.rows(feature, which)).map(row => row!))),
      )
      const n = study.cases.length
      const notes: string[] = []
      const values: Value[] = []
      const add = (definition: string, value: number, of?: string) =>
        void values.push({ definition, version, ...(of !== undefined && { of }), value, n, network })
      const distance = fid(a!, b!)
      if (isMeasured(distance)) add(fidDefinition.id, distance)
      else notes.push(`${version}: ${distance.unmeasured}`)
      const products = productsOf(a!, b!)
      const kernel = kid(products)
      if (isMeasured(kernel)) add(kidDefinition.id, kernel.mean)
      else notes.push(`${version}: ${kernel.unmeasured}`)
      const shares = precisionRecall(products)
      if (isMeasured(shares)) {
        add(precisionDefinition.id, shares.precision)
        add(recallDefinition.id, shares.recall)
      } else notes.push(`${version}: ${shares.unmeasured}`)
      return { values, notes }
    },
  }
}
