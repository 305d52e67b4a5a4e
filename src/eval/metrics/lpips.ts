import { pooled } from '../embeddings.ts'
import type { PerceptualDistance } from '../features/lpips.ts'
import { meanOf } from '../intervals.ts'
import type { Metric } from '../metric.ts'
import type { Definition } from './definition.ts'

export const lpipsDefinition: Definition = {
  id: 'lpips',
  name: 'LPIPS',
  unit: '0 or more; 0 for equal pictures',
  text:
    'Learned perceptual distance of two pictures, version 0.1: the channels of five layers (SqueezeNet: seven) of an ' +
    'ImageNet network scaled to unit length at every pixel, their squared differences weighted by learned weights, ' +
    'averaged over pixels and added up. The trunk (AlexNet, VGG-16 or SqueezeNet 1.1) is named beside it; pictures are ' +
    'compared at their own size.',
  source: 'Zhang et al., CVPR 2018; lpips 0.1.4',
}

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
