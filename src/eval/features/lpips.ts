/** LPIPS of versions and their originals, on weights of the user's. */
import * as tf from '@tensorflow/tfjs'
import { toTensor } from '../../data/image.ts'
import { UserError } from '../../errors.ts'
import { type LpipsTrunk, lpips, lpipsTrunkOf, lpipsTrunks } from '../../models/lpips.ts'
import type { Weights } from '../../models/module.ts'
import { loadWeights } from '../../weights/load.ts'
import { withTensorFile } from '../../weights/open.ts'
import { checksumOf } from './checksum.ts'
import type { PairFeature } from './feature.ts'

/** @param paths the trunk of torchvision and the linear layers of lpips, in one file or two */
export function lpipsFeature(paths: readonly string[]): PairFeature {
  return {
    name: 'lpips',
    of: 'pair',
    load: async () => {
      const { trunk, weights } = await load(paths)
      const network = lpips(trunk)
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
  }
}

/** The trunk that the files are of, by what they hold, and all weights. */
async function load(paths: readonly string[]): Promise<{ trunk: LpipsTrunk; weights: Weights }> {
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
  const { parameters } = lpips(trunk)
  const weights: Weights = {}
  for (const path of paths) {
    const own = Object.entries(parameters).filter(([name]) => owners.get(name) === path)
    Object.assign(weights, await loadWeights(path, Object.fromEntries(own)))
  }
  return { trunk, weights }
}
