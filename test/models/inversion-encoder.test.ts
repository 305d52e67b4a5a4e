import * as tf from '@tensorflow/tfjs'
import { beforeAll, expect, test } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { rowGroups } from '../../src/models/autoencoder-generator.ts'
import { inversionEncoder } from '../../src/models/inversion-encoder.ts'
import { countParameters, type Weights } from '../../src/models/module.ts'
import { initialise } from '../../src/train/state.ts'
import { normal } from '../../src/util/random.ts'

const encode = inversionEncoder()
let weights: Weights
beforeAll(async () => {
  await useBackend('tensorflow')
  weights = initialise(encode.parameters, 1)
})

test('rows of a group are one style, and groups differ', () => {
  const latents = encode(weights, normal([2, 128, 128, 3], 1, 'faces') as tf.Tensor4D)
  expect(latents.shape).toEqual([2, 16, 1, 512])
  const rows = latents.reshape([2, 16, 512]).arraySync() as number[][][]
  let first = 0
  for (const size of rowGroups) {
    for (let row = first + 1; row < first + size; row++) expect(rows[1]![row]).toEqual(rows[1]![first])
    if (first > 0) expect(rows[1]![first]).not.toEqual(rows[1]![first - 1])
    first += size
  }
  expect(rows[0]![0]).not.toEqual(rows[1]![0])
})

test('faces of any size are looked at as of 128 pixels', () => {
  const small = normal([1, 32, 32, 3], 2, 'face') as tf.Tensor4D
  // Doubled pixel by pixel, a face averages to what it was.
  const large = tf.image.resizeNearestNeighbor(tf.image.resizeNearestNeighbor(small, [128, 128]), [256, 256])
  const [of128, of256] = [tf.image.resizeNearestNeighbor(small, [128, 128]), large].map(face => encode(weights, face))
  const difference = tf.sqrt(tf.mean(tf.square(tf.sub(of128!, of256!)))).dataSync()[0]!
  const deviation = tf.sqrt(tf.mean(tf.square(of128!))).dataSync()[0]!
  expect(difference).toBeLessThan(0.2 * deviation)
})

test('every weight has a gradient, and all of them fit into 16 MB of float16', () => {
  const names = Object.keys(encode.parameters)
  const face = normal([1, 128, 128, 3], 3, 'face') as tf.Tensor4D
  const loss = () => tf.sum(tf.square(encode(weights, face))) as tf.Scalar
  const { grads } = tf.engine().gradients(loss, names.map(name => weights[name]!)) // biome-ignore format: one line
  for (const [i, name] of names.entries()) expect(tf.max(tf.abs(grads[i]!)).dataSync()[0], name).toBeGreaterThan(0)
  expect(countParameters(encode.parameters)).toBeLessThan(8.4e6)
})
