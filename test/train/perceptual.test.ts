import * as tf from '@tensorflow/tfjs'
import { beforeAll, expect, it } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { loadRecognizer } from '../../src/faces/recognizers.ts'
import { asPerceptual, perceptualNetworksOf } from '../../src/train/perceptual.ts'

beforeAll(() => useBackend('wasm'))

it.each([
  [0, {}, []],
  [0, { faceres: 1 }, ['faceres']],
  [0.1, {}, ['dlib']],
  [0.1, { faceres: 1 }, ['dlib', 'faceres']],
  [0.1, { faceres: 1, dlib: 2 }, ['faceres', 'dlib']],
] as const)('features weighed by %d and identities by %j take %j', (featureWeight, identityWeights, names) => {
  expect(perceptualNetworksOf({ featureWeight, identityWeights } as never)).toEqual(names)
})

it.each([
  ['dlib', 5],
  ['mobilefacenet', 0],
] as const)('%s embeds as the recognizer does, and gives %i features', async (name, count) => {
  const recognizer = await loadRecognizer(name)
  tf.tidy(() => {
    const faces = tf.randomUniform([1, 64, 64, 3], -1, 1, 'float32', 1) as tf.Tensor4D
    const { embedding, features } = asPerceptual(recognizer).perceive(faces)
    expect(features).toHaveLength(count)
    expect([...embedding.dataSync()]).toEqual([...recognizer.embed(faces).dataSync()])
  })
})
