/**
 * Two attacks by whoever has a published face, the weights, the recipe and this program, but no key: confirming which of
 * some photos it was made from, and finding the noise that it was made with. Both succeed against a seed that is known,
 * so that they would be seen here, and not against a secret.
 */
import { rmSync } from 'node:fs'
import * as tf from '@tensorflow/tfjs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { type Recipe, recipeSchema } from '../../src/config/recipe.ts'
import { loadRecognizer } from '../../src/faces/recognizers.ts'
import { fromTensor, type Image, toTensor } from '../../src/images/image.ts'
import type { Recognizer } from '../../src/models/recognizers/recognizer.ts'
import { protectFace } from '../../src/pipeline/face.ts'
import { type FaceModel, loadModel } from '../../src/pipeline/model.ts'
import { normal, type Randomness, RandomStream } from '../../src/util/random.ts'
import { loadConfig } from '../../src/yaml/load.ts'
import { type TinyModel, tinyModel } from '../pipeline/tiny-model.ts'

const people = 10
let tiny: TinyModel
let model: FaceModel
let guide: Recognizer
let recipe: Recipe
let originals: Image[]
/** Published faces of a seed, and of secrets that nobody knows. */
const published: Record<'seed' | 'secret', Image[]> = { seed: [], secret: [] }

const secretOf = (i: number) => `${i}`.repeat(64)
const identityOf = (i: number) => `photo ${i}/0`

async function protect(i: number, randomness: Randomness): Promise<Image> {
  const face = toTensor(originals[i]!)
  const made = await protectFace(model, [guide], face, recipe, { randomness, identity: identityOf(i) })
  const [image] = await fromTensor(made)
  tf.dispose([face, made])
  return image!
}

beforeAll(async () => {
  await useBackend('wasm')
  tiny = await tinyModel()
  model = await loadModel(tiny.path)
  guide = await loadRecognizer('dlib')
  recipe = await loadConfig(recipeSchema, { path: 'configs/faces-128/hide.yaml', overrides: ['steps=4', 'attempts=1'] })
  const drawn = tf.tidy(
    () => tf.clipByValue(tf.mul(normal([people, 64, 64, 3], 1, 'faces'), 0.3), -1, 1) as tf.Tensor4D,
  )
  originals = await fromTensor(drawn)
  drawn.dispose()
  for (let i = 0; i < people; i++) {
    published.seed.push(await protect(i, 0))
    published.secret.push(await protect(i, secretOf(i)))
  }
}, 120_000)
afterAll(() => rmSync(tiny.folder, { recursive: true }))

/** How like a published face is to what noise decodes to: correlations over pixels. */
function likeness(face: Image, noises: Float32Array[]): number[] {
  return tf.tidy(() => {
    const centred = (x: tf.Tensor) => tf.sub(x, tf.mean(x))
    const image = centred(toTensor(face))
    return noises.map(noise => {
      const decoded = centred(model.decode(tf.tensor4d(noise, [1, ...model.latentShape])))
      return tf.div(tf.sum(tf.mul(image, decoded)), tf.mul(tf.norm(image), tf.norm(decoded))).dataSync()[0]!
    })
  })
}

const best = (scores: readonly number[]) => scores.indexOf(Math.max(...scores))

/** The noise that a stream of version 0.1, or of a seed, starts with. */
const seededNoise = (i: number) =>
  new RandomStream(0, 'start', identityOf(i), 0).normals(model.latentShape.reduce((a, b) => a * b, 1))

test('confirmation: protecting each of ten candidates gives the published bytes of a seed, never those of a secret', {
  timeout: 60_000,
}, async () => {
  const attempts: Image[] = []
  for (let i = 0; i < people; i++) attempts.push(await protect(i, 0))
  const confirmed = (faces: readonly Image[]) =>
    faces.map(({ data }) => attempts.findIndex(attempt => Buffer.from(attempt.data).equals(data)))
  expect(confirmed(published.seed)).toEqual(originals.map((_, i) => i))
  expect(confirmed(published.secret)).toEqual(originals.map(() => -1))
})

test('noise of ten candidates: the true one is found for every face of a seed, and for a secret as often as by chance', () => {
  const noises = originals.map((_, i) => seededNoise(i))
  const hits = (faces: readonly Image[]) => faces.filter((face, i) => best(likeness(face, noises)) === i).length
  expect(hits(published.seed)).toBe(people)
  // Of ten guesses at a chance of one in ten, more than four are right with a probability of 0.2 %.
  expect(hits(published.secret)).toBeLessThanOrEqual(4)
})

test('search over states of the generator: the true one stands far out for a seed, and nothing does for a secret', {
  timeout: 60_000,
}, () => {
  const others = Array.from({ length: 600 }, (_, state) =>
    new RandomStream(state, 'other').normals(seededNoise(0).length),
  )
  const outlier = (face: Image) => {
    const [first, ...rest] = likeness(face, [seededNoise(0), ...others])
    const mean = rest.reduce((a, b) => a + b, 0) / rest.length
    const deviation = Math.sqrt(rest.reduce((sum, x) => sum + (x - mean) ** 2, 0) / rest.length)
    return { first: (first! - mean) / deviation, most: (Math.max(first!, ...rest) - mean) / deviation }
  }
  expect(outlier(published.seed[0]!).first).toBeGreaterThan(10)
  expect(outlier(published.secret[0]!).most).toBeLessThan(4.5)
})
