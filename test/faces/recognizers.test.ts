import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { beforeAll, describe, expect, it } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { alignFace } from '../../src/faces/alignment.ts'
import { loadRecognizer, recognizerNames } from '../../src/faces/recognizers.ts'
import { readImage } from '../../src/images/codec.ts'
import { toTensor } from '../../src/images/image.ts'

/** Four faces of the sample photos: the first two are the same woman's. */
const faces = [
  {
    photo: 1,
    points: [
      [1555, 275],
      [1615, 333],
      [1546, 336],
      [1498, 340],
      [1555, 395],
    ],
  },
  {
    photo: 3,
    points: [
      [1112, 319],
      [1211, 339],
      [1137, 390],
      [1103, 422],
      [1187, 442],
    ],
  },
  {
    photo: 1,
    points: [
      [863, 550],
      [940, 511],
      [911, 585],
      [910, 615],
      [981, 581],
    ],
  },
  {
    photo: 3,
    points: [
      [624, 428],
      [721, 430],
      [660, 488],
      [639, 533],
      [709, 535],
    ],
  },
]
const package_ = dirname(createRequire(import.meta.url).resolve('@vladmandic/face-api/package.json'))

let aligned: tf.Tensor4D
beforeAll(async () => {
  await useBackend('wasm')
  const images: tf.Tensor4D[] = []
  for (const { photo, points } of faces) {
    const image = await readImage(join(package_, 'demo', `sample${photo}.jpg`))
    const { face } = await alignFace(
      image,
      points.map(([x, y]) => ({ x: x!, y: y! })),
    )
    images.push(toTensor(face))
  }
  aligned = tf.concat(images)
})

describe.each(recognizerNames)('%s', name => {
  it('embeds at unit length, nearer for the same face than for others, whatever the size', async () => {
    const recognizer = await loadRecognizer(name)
    expect(await loadRecognizer(name)).toBe(recognizer)
    const before = tf.memory().numTensors
    const embeddings = recognizer.embed(aligned)
    expect(tf.memory().numTensors).toBe(before + 1)
    expect(embeddings.shape).toEqual([faces.length, recognizer.dimensions])

    const cosine = (await tf.matMul(embeddings, embeddings, false, true).array()) as number[][]
    for (const i of faces.keys()) expect(cosine[i]![i]).toBeCloseTo(1, 5)
    const others = [0, 1].flatMap(i => [2, 3].map(j => cosine[i]![j]!))
    expect(cosine[0]![1]).toBeGreaterThan(Math.max(...others))

    const small = recognizer.embed(tf.image.resizeBilinear(aligned, [96, 96], false, true))
    const same = await tf.sum(tf.mul(small, embeddings), 1).array()
    for (const value of same as number[]) expect(value).toBeGreaterThan(0.9)
  })

  it('has a gradient with respect to the face that matches finite differences', async () => {
    const recognizer = await loadRecognizer(name)
    const face = tf.slice(aligned, 0, 1)
    const other = recognizer.embed(tf.slice(aligned, 3, 1))
    const before = tf.memory().numTensors
    const cosine = (x: tf.Tensor) => tf.sum(tf.mul(recognizer.embed(x as tf.Tensor4D), other)) as tf.Scalar
    const [slope, measured] = tf.tidy(() => {
      const gradient = tf.grad(cosine)(face)
      const direction = tf.div(gradient, tf.norm(gradient))
      const step = 0.02
      const at = (by: number) => cosine(tf.add(face, tf.mul(direction, by))).dataSync()[0]!
      return [tf.norm(gradient).dataSync()[0]!, (at(step) - at(-step)) / (2 * step)] as const
    })
    expect(tf.memory().numTensors).toBe(before)
    expect(slope).toBeGreaterThan(0)
    expect(Math.abs(measured / slope - 1)).toBeLessThan(0.05)
  })
})

describe('dlib', () => {
  it('computes what face-api computes', async () => {
    const faceapi = createRequire(import.meta.url)('@vladmandic/face-api/dist/face-api.node-wasm.js')
    await faceapi.nets.faceRecognitionNet.loadFromDisk(join(package_, 'model'))
    const { dlibNet, foldDlib } = await import('../../src/models/recognizers/dlib.ts')
    const { readTensors } = await import('../../src/weights/open.ts')
    const manifest = join(package_, 'model', 'face_recognition_model-weights_manifest.json')
    const weights = foldDlib(await readTensors(manifest))
    const chips = tf.randomUniform([1, 150, 150, 3], 0, 255, 'float32', 3) as tf.Tensor4D
    const expected = faceapi.nets.faceRecognitionNet.forwardInput({ toBatchTensor: () => chips, batchSize: 1 })
    const difference = tf.max(tf.abs(tf.sub(dlibNet()(weights, chips).embedding, expected)))
    expect((await difference.data())[0]).toBeLessThan(1e-5)
  })

  it('gives tokens at five depths, and the embedding of embed', async () => {
    const recognizer = await loadRecognizer('dlib')
    const { embedding, features } = recognizer.features(aligned)
    expect(features.map(f => f.shape)).toEqual([
      [4, 64, 32],
      [4, 64, 64],
      [4, 64, 128],
      [4, 16, 256],
      [4, 4, 256],
    ])
    const difference = tf.max(tf.abs(tf.sub(embedding, recognizer.embed(aligned))))
    expect((await difference.data())[0]).toBeLessThan(1e-6)
  })
})
