/** Features that a network for distances between sets makes of faces alone, cut out of their photos. */
import { alignFfhq } from '../../faces/alignment.ts'
import type { PairFeature } from './feature.ts'
import type { DistributionNetwork } from './inception.ts'

/** Side of the FFHQ square. */
const side = 256

const features = new WeakMap<DistributionNetwork, PairFeature>()

/** A row: features of the original's face, then of the version's at the same place; empty where no face is known. */
export function faceCrops(network: DistributionNetwork): PairFeature {
  const known = features.get(network)
  if (known) return known
  const feature: PairFeature = {
    name: `crops-${network.feature.name}`,
    of: 'pair',
    load: async () => {
      const { checksum, compute } = await network.feature.load()
      return {
        checksum,
        compute: async pairs => {
          const faces = pairs.flatMap(({ original, version, landmarks }) =>
            landmarks ? [original, version].map(picture => alignFfhq(picture, landmarks, side).face) : [],
          )
          const rows = faces.length > 0 ? await compute(faces) : []
          let next = 0
          return pairs.map(({ landmarks }) => {
            if (!landmarks) return new Float32Array()
            return Float32Array.from([...rows[next++]!, ...rows[next++]!])
          })
        },
      }
    },
  }
  features.set(network, feature)
  return feature
}
