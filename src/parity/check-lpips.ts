import * as tf from '@tensorflow/tfjs'
import { bytesToTensor } from '../images/image.ts'
import { type LpipsTrunk, lpips } from '../models/lpips.ts'
import { type Check, compareParameters, networkTolerance, proceduralWeights, relativeError } from './golden.ts'
import { proceduralPicture } from './procedural.ts'

interface LpipsGoldenFile {
  config: { gain: number; sizes: [width: number, height: number][] }
  trunks: Record<
    LpipsTrunk,
    {
      parameters: Record<string, number[]>
      /** By size: of two pictures, and of the first and itself mixed with a tenth of the second. */
      distances: [number, number][]
    }
  >
}

/** The distances of pictures by every trunk; the linear layers have the absolute values of their procedural weights. */
export async function checkLpips({ config: { gain, sizes }, trunks }: LpipsGoldenFile): Promise<Check[]> {
  const checks: Check[] = []
  for (const [trunk, { parameters, distances }] of Object.entries(trunks)) {
    const network = lpips(trunk as LpipsTrunk)
    const names = compareParameters(network.parameters, parameters)
    checks.push({ ...names, what: `${trunk}: ${names.what}` })
    if (names.relativeError > 0) continue
    const weights = tf.tidy(() => {
      const made = proceduralWeights(network.parameters, gain)
      const linear = Object.entries(made).filter(([name]) => name.startsWith('lin'))
      return { ...made, ...Object.fromEntries(linear.map(([name, value]) => [name, tf.abs(value)])) }
    })
    for (const [i, [width, height]] of sizes.entries()) {
      const distance = tf.tidy(() => {
        const [x, y] = ['x', 'y'].map(side => {
          const name = `lpips:${side}${width}x${height}`
          return bytesToTensor(proceduralPicture(name, width, height), [1, height, width, 3])
        }) as [tf.Tensor4D, tf.Tensor4D]
        const near = tf.add(tf.mul(x, 0.9), tf.mul(y, 0.1)) as tf.Tensor4D
        return network(weights, tf.concat([x, x]), tf.concat([y, near]))
      })
      const found = await distance.data()
      distance.dispose()
      for (const [k, pair] of ['different', 'near'].entries()) {
        const what = `${trunk}: ${pair} pictures of ${width} x ${height}`
        const error = relativeError([found[k]!], [distances[i]![k]!])
        checks.push({ what, relativeError: error, tolerance: networkTolerance })
      }
    }
    tf.dispose(weights)
  }
  return checks
}
