import * as tf from '@tensorflow/tfjs'
import { beforeAll, expect, test } from 'vitest'
import { useBackend } from '../../../src/backend/index.ts'
import { attackKey, inverter, trainInverter } from '../../../src/eval/attacks/inversion-network.ts'
import type { EvalSet } from '../../../src/eval/eval-set.ts'
import { bytesToTensor } from '../../../src/images/image.ts'
import { blocks } from '../procedural.ts'

beforeAll(async () => void (await useBackend('wasm')))

/** Pictures, and what a protection that only darkens leaves of them. */
function pairs(places: readonly number[]) {
  const images = places.map(i => blocks(64, 'inversion', i))
  const original = bytesToTensor(Buffer.concat(images.map(({ data }) => data)), [places.length, 64, 64, 3])
  return { original, version: tf.tidy(() => tf.sub(tf.mul(original, 0.3), 0.6) as tf.Tensor4D) }
}

test('the network begins as the identity, and learns on some pictures to undo a protection of others', async () => {
  const error = async (steps: number) => {
    const weights = await trainInverter(16, steps, async places => pairs(places))
    const { original, version } = pairs([100, 101])
    const loss = tf.tidy(() => tf.mean(tf.squaredDifference(inverter(weights, version), original)))
    const [value] = await loss.data()
    tf.dispose([weights, original, version, loss] as tf.TensorContainer)
    return value!
  }
  const before = tf.memory().numTensors
  const [untrained, trained] = [await error(0), await error(12)]
  const { original, version } = pairs([100, 101])
  const difference = tf.tidy(() => tf.mean(tf.squaredDifference(version, original)))
  expect(untrained).toBeCloseTo((await difference.data())[0]!, 5)
  expect(trained).toBeLessThan(untrained * 0.6)
  tf.dispose([original, version, difference])
  expect(tf.memory().numTensors).toBe(before)
})

test('an attack on faces that were cut out elsewhere is another one; aligned pictures are all face', () => {
  const evalSet = (aligned: boolean, tx: number) =>
    ({
      aligned,
      originals: [{ hash: 'a' }],
      pictures: () => [{ hash: 'b' }],
      placesOf: () => [{ a: 1, b: 0, tx, ty: 0 }],
      recognizers: ['dlib'],
    }) as unknown as EvalSet
  const key = (aligned: boolean, tx: number) => attackKey(evalSet(aligned, tx), 'protected', [0])
  expect(key(false, 1)).toBe(key(false, 1))
  expect(new Set([key(false, 1), key(false, 2), key(true, 1)]).size).toBe(3)
  expect(key(true, 2)).toBe(key(true, 1))
})
