import { rmSync } from 'node:fs'
import * as tf from '@tensorflow/tfjs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { type FaceModel, loadModel } from '../../src/pipeline/model.ts'
import { makeSecret, recoverFace } from '../../src/pipeline/recovery.ts'
import { normal } from '../../src/util/random.ts'
import { type TinyModel, tinyModel } from './tiny-model.ts'

let tiny: TinyModel
let model: FaceModel
let face: tf.Tensor4D

beforeAll(async () => {
  await useBackend('wasm')
  tiny = await tinyModel()
  model = await loadModel(tiny.path)
  face = tf.tidy(() => tf.clipByValue(tf.mul(normal([1, 64, 64, 3], 1, 'face'), 0.3), -1, 1) as tf.Tensor4D)
})
afterAll(() => rmSync(tiny.folder, { recursive: true }))

/** Root mean square difference of the recovered face from what the autoencoder alone makes of it. */
function error(steps: number, refinements: number, change = (latent: tf.Tensor4D) => latent): number {
  return tf.tidy(() => {
    const { vectors, latent } = makeSecret(model, face, { recovery: { steps, refinements }, compat: [] })
    const best = tf.clipByValue(model.decode(model.encode(face)), -1, 1)
    const recovered = recoverFace(model, { vectors, latent: change(latent) }, steps)
    return Math.sqrt(tf.mean(tf.squaredDifference(recovered, best)).dataSync()[0]!)
  })
}

test('the secret holds ten placeholder vectors and one latent, and the way back a face in [-1, 1]', () => {
  const before = tf.memory().numTensors
  const secret = makeSecret(model, face, { recovery: { steps: 3, refinements: 1 }, compat: [] })
  expect(tf.memory().numTensors).toBe(before + 2)
  expect([secret.vectors.shape, secret.latent.shape]).toEqual([
    [10, 32],
    [1, 8, 8, 4],
  ])
  const recovered = recoverFace(model, secret, 3)
  expect(tf.memory().numTensors).toBe(before + 3)
  expect(recovered.shape).toEqual([1, 64, 64, 3])
  expect(recovered.dataSync().every(value => value >= -1 && value <= 1)).toBe(true)
  tf.dispose([secret.vectors, secret.latent, recovered])
})

test('the face comes back as far as the autoencoder keeps it, nearer with refinements', () => {
  const refined = error(10, 4)
  console.log(
    refined,
    error(10, 0),
    error(10, 4, l => normal(l.shape, 1, 'wrong') as tf.Tensor4D),
  )
  expect(refined).toBeLessThan(0.005)
  expect(refined).toBeLessThan(error(10, 0) / 3)
})

test('from another latent it does not', () => {
  const other = (latent: tf.Tensor4D) => normal(latent.shape, 1, 'wrong') as tf.Tensor4D
  expect(error(10, 4, other)).toBeGreaterThan(5 * error(10, 4))
})
