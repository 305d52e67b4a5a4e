/** How far protected faces are, as a set, from photos of other people. */
import { stack } from '../embedded.ts'
import { faceCrops } from '../features/face-crops.ts'
import type { DistributionNetwork } from '../features/inception.ts'
import type { Metric } from '../metric.ts'
import { bootstrap } from '../metrics/bootstrap.ts'
import { isMeasured } from '../metrics/definition.ts'
import { kidOthers, kidOthersDefinition } from '../metrics/kid-others.ts'
import { productsOf } from '../metrics/vectors.ts'

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
