/** The plain JavaScript backend of tfjs: 30 to 100 times slower than the others, the oracle of the tests. */
import * as tf from '@tensorflow/tfjs'
import type { Availability } from './names.ts'

export const probe = (): Availability => ({ usable: true, reason: `tfjs ${tf.version_core}`, automatic: false })

export async function start(): Promise<void> {
  await tf.setBackend('cpu')
  // Otherwise its first tensor prints an advertisement for tfjs-node.
  Object.assign(tf.backend(), { firstUse: false })
}
