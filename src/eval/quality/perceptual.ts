import type { PerceptualDistance } from '../features/lpips.ts'
import { meanOf } from '../intervals.ts'
import type { Metric } from '../metric.ts'
import { lpipsDefinition } from '../metrics/lpips.ts'
import { pooled } from '../pooled.ts'

/** LPIPS of each version against its original. */
export function perceptual({ name: network, feature }: PerceptualDistance): Metric {
  return {
    name: 'lpips',
    group: 'quality',
    definitions: [lpipsDefinition],
    needs: () => [feature],
    run: async (evalSet, version) => {
      const { rows, people } = await pooled(evalSet, feature, version)
      if (rows.length === 0) return { values: [] }
      return {
        values: [
          {
            definition: lpipsDefinition.id,
            version,
            ...meanOf(
              rows.map(([distance]) => distance!),
              people,
            ),
            network,
          },
        ],
      }
    },
  }
}
