import * as tf from '@tensorflow/tfjs'
import { beforeAll, expect, test } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { alignFfhq } from '../../src/faces/alignment.ts'
import { detectFaces } from '../../src/faces/detect.ts'
import {
  describeFaces,
  isBareFace,
  latentBank,
  loadFaceDescriber,
  loadLatentBank,
} from '../../src/faces/latent-bank.ts'
import { readImage } from '../../src/images/codec.ts'
import { toTensor } from '../../src/images/image.ts'

beforeAll(() => useBackend('wasm'))

test('gives the latents of the nearest faces, nearest first, the same for all rows', () => {
  tf.tidy(() => {
    const latents = tf.tensor2d([
      [1, 2],
      [3, 4],
      [5, 6],
    ])
    const descriptors = tf.tensor2d([
      [0, 0],
      [1, 0],
      [5, 5],
    ])
    const basis = { mean: tf.tensor1d([0, 0]), components: tf.eye(2) }
    const bank = latentBank(latents, descriptors, basis, [2, 1])
    const found = bank.nearest(tf.tensor2d([[0.9, 0.1]]), 2)
    expect(found.shape).toEqual([2, 3, 1, 2])
    expect(Array.from(found.dataSync())).toEqual([3, 4, 3, 4, 3, 4, 1, 2, 1, 2, 1, 2])
  })
})

test("faces of the project's bank are bare, and near to photos of faces as descriptors go", async () => {
  const describer = await loadFaceDescriber()
  const photo = await readImage('node_modules/@vladmandic/face-api/demo/sample6.jpg')
  const [found] = await detectFaces(photo)
  const face = toTensor(alignFfhq(photo, found!.landmarks, 256).face)
  const [described, mirrored] = [describeFaces(describer, face), describeFaces(describer, tf.reverse(face, 2))]
  expect(described.shape).toEqual([1, 936])
  const noise = describeFaces(describer, tf.randomUniform([1, 256, 256, 3], -1, 1, 'float32', 7))
  const distance = (p: tf.Tensor, q: tf.Tensor) => tf.norm(tf.sub(p, q)).dataSync()[0]!
  expect(distance(described, noise)).toBeGreaterThan(2 * distance(described, mirrored))
  const latents = (await loadLatentBank())([3, 2, 4, 2, 5]).nearest(described, 3)
  expect(latents.shape).toEqual([3, 16, 1, 512])
  expect(tf.all(tf.isFinite(latents)).dataSync()[0]).toBe(1)
})

test('a face of one colour is bare, and one with a dark forehead is not', async () => {
  const describer = await loadFaceDescriber()
  const isBare = (face: tf.Tensor) =>
    isBareFace(describeFaces(describer, face as tf.Tensor4D).dataSync() as Float32Array)
  const skin = tf.mul(tf.ones([1, 256, 256, 3]), [0.6, 0.2, 0])
  expect(isBare(skin)).toBe(true)
  expect(isBare(tf.concat([tf.fill([1, 92, 256, 3], -0.9), tf.slice(skin, [0, 92, 0, 0], [1, 164, 256, 3])], 1))).toBe(
    false,
  )
})
