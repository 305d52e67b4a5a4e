/** LPIPS of versions and their originals, on weights of the user's. */
import * as tf from '@tensorflow/tfjs'
import { toTensor } from '../../images/image.ts'
import { type LpipsTrunk, lpips, lpipsTrunkOf, lpipsTrunks } from '../../models/lpips.ts'
import type { Shapes, Weights } from '../../models/module.ts'
import { UserError } from '../../util/errors.ts'
import { loadWeights } from '../../weights/load.ts'
import { withTensorFile } from '../../weights/open.ts'
import { checksumOf } from './cache.ts'
import type { PairFeature } from './feature.ts'

/** A distance of two pictures by what a network makes of them. */
export interface PerceptualDistance {
  /** As values name it. */
  readonly name: string
  readonly feature: PairFeature
}

const trunkNames: Readonly<Record<LpipsTrunk, string>> = {
  alex: 'AlexNet',
  vgg: 'VGG-16',
  squeeze: 'SqueezeNet 1.1',
}

/**
 * LPIPS on the trunk that the files are of.
 * @param paths the trunk of torchvision and the linear layers of lpips, in one file or two
 * @throws UserError when they do not hold the whole of one trunk
 */
export async function lpipsDistance(paths: readonly string[]): Promise<PerceptualDistance> {
  const { trunk, owners } = await identify(paths)
  return {
    name: `LPIPS 0.1 on ${trunkNames[trunk]}`,
    feature: {
      name: 'lpips',
      of: 'pair',
      amongSamples: true,
      load: async () => {
        const network = lpips(trunk)
        const weights = await load(network.parameters, owners)
        return {
          checksum: await checksumOf(paths),
          compute: async pairs => {
            const rows: Float32Array[] = []
            for (const { original, version } of pairs) {
              const distance = tf.tidy(() => network(weights, toTensor(original), toTensor(version)))
              rows.push(Float32Array.from(await distance.data()))
              distance.dispose()
            }
            return rows
          },
        }
      },
    },
  }
}

/** The trunk that the files are of, and the file of each tensor. */
async function identify(paths: readonly string[]): Promise<{ trunk: LpipsTrunk; owners: Map<string, string> }> {
  const owners = new Map<string, string>()
  const shapes = new Map<string, readonly number[]>()
  for (const path of paths)
    await withTensorFile(path, file => {
      for (const [name, { shape }] of file.tensors) {
        owners.set(name, path)
        shapes.set(name, shape)
      }
    })
  const trunk = lpipsTrunkOf(shapes)
  if (!trunk)
    throw new UserError(
      `expected the weights of LPIPS on ${lpipsTrunks.join(', ')} in ${paths.join(', ')}, found none of them whole: give ` +
        'torchvision’s file of the trunk and lpips’ file of its linear layers',
    )
  return { trunk, owners }
}

async function load(parameters: Shapes, owners: ReadonlyMap<string, string>): Promise<Weights> {
  const weights: Weights = {}
  for (const path of new Set(owners.values())) {
    const own = Object.entries(parameters).filter(([name]) => owners.get(name) === path)
    Object.assign(weights, await loadWeights(path, Object.fromEntries(own)))
  }
  return weights
}
