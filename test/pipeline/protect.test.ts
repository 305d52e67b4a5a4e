import { rmSync } from 'node:fs'
import * as tf from '@tensorflow/tfjs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { type Recipe, recipeSchema, seedOf } from '../../src/config/recipe.ts'
import { alignFace } from '../../src/faces/alignment.ts'
import { detectFaces } from '../../src/faces/detect.ts'
import { loadRecognizer } from '../../src/faces/recognizers.ts'
import { readImage } from '../../src/images/codec.ts'
import { toTensor } from '../../src/images/image.ts'
import type { Recognizer } from '../../src/models/recognizers/recognizer.ts'
import { protectFace } from '../../src/pipeline/face.ts'
import { type FaceModel, loadModel } from '../../src/pipeline/model.ts'
import { normal } from '../../src/util/random.ts'
import { loadConfig } from '../../src/yaml/load.ts'
import { type TinyModel, tinyModel } from './tiny-model.ts'

let tiny: TinyModel
let model: FaceModel
let guide: Recognizer
let face: tf.Tensor4D

beforeAll(async () => {
  await useBackend('wasm')
  tiny = await tinyModel()
  model = await loadModel(tiny.path)
  guide = await loadRecognizer('dlib')
  face = tf.tidy(() => tf.clipByValue(tf.mul(normal([1, 64, 64, 3], 1, 'face'), 0.3), -1, 1) as tf.Tensor4D)
})
afterAll(() => rmSync(tiny.folder, { recursive: true }))

const recipe = (task: Recipe['task'], ...overrides: string[]) =>
  loadConfig(recipeSchema, {
    path: `configs/faces-128/${task}.yaml`,
    overrides: ['steps=4', 'attempts=1', ...overrides],
  })

/** The protected versions as numbers, one array a sample. */
async function protectedFaces(settings: Recipe, identity = 'a') {
  const faces = await protectFace(model, [guide], face, settings, { randomness: seedOf(settings), identity })
  expect(faces.shape).toEqual([settings.samples, 64, 64, 3])
  const samples = tf.tidy(() => tf.unstack(faces).map(sample => sample.dataSync() as Float32Array))
  faces.dispose()
  return samples
}

const difference = (a: Float32Array, b: Float32Array) =>
  a.reduce((most, x, i) => Math.max(most, Math.abs(x - b[i]!)), 0)

test.each(['anonymize', 'hide'] as const)('%s: leaves only its result behind, in [-1, 1]', async task => {
  const settings = await recipe(task)
  await protectedFaces(settings)
  const before = tf.memory().numTensors
  const [sample] = await protectedFaces(settings)
  expect(tf.memory().numTensors).toBe(before)
  expect(sample!.every(value => value >= -1 && value <= 1)).toBe(true)
})

test('takes the share of the steps that strength says, each reported', async () => {
  const timesteps: number[] = []
  const settings = await recipe('anonymize', 'steps=10', 'strength=0.3')
  const onStep = ({ step }: { step: { timestep: number } }) => void timesteps.push(step.timestep)
  const faces = await protectFace(model, [guide], face, settings, { randomness: 0, identity: 'a', onStep })
  faces.dispose()
  expect(timesteps).toEqual([201, 101, 1])
})

test('the same seed and identity give the same face; another of either gives another', async () => {
  const [first] = await protectedFaces(await recipe('anonymize'))
  const [again] = await protectedFaces(await recipe('anonymize'))
  const [seeded] = await protectedFaces(await recipe('anonymize', 'seed=1'))
  const [other] = await protectedFaces(await recipe('anonymize'), 'b')
  expect(difference(first!, again!)).toBe(0)
  expect(difference(first!, seeded!)).toBeGreaterThan(1e-3)
  expect(difference(first!, other!)).toBeGreaterThan(1e-3)
})

test('the first of two samples is the one there would be alone, without the energy between them', async () => {
  const settings = await recipe('anonymize', 'energies.diversity=0')
  const [alone] = await protectedFaces(settings)
  const [first, second] = await protectedFaces({ ...settings, samples: 2 })
  expect(difference(first!, alone!)).toBeLessThan(1e-3)
  expect(difference(first!, second!)).toBeGreaterThan(1e-2)
})

test('guidance changes the result, and without energies there is none', async () => {
  const [guided] = await protectedFaces(await recipe('hide'))
  const [unguided] = await protectedFaces(await recipe('hide', 'guidance.above=0', 'guidance.below=0'))
  const [without] = await protectedFaces(await recipe('hide', 'energies.similarity=0'))
  expect(difference(guided!, unguided!)).toBeGreaterThan(1e-4)
  expect(difference(without!, unguided!)).toBeLessThan(1e-5)
})

test('attention guidance changes the result, by its blocks', async () => {
  const drawn = async (...options: string[]) =>
    (await protectedFaces(await recipe('anonymize', ...options.map(option => `attentionGuidance.${option}`))))[0]!
  const without = await drawn()
  const everywhere = await drawn('scale=1')
  const middle = await drawn('scale=1', 'blocks=middle')
  expect(difference(without, everywhere)).toBeGreaterThan(1e-4)
  expect(difference(without, middle)).toBeGreaterThan(1e-5)
  expect(difference(everywhere, middle)).toBeGreaterThan(1e-5)
})

test('a version in which no face is found is drawn again', async () => {
  const [once, again] = [await recipe('anonymize'), await recipe('anonymize', 'attempts=2')]
  const timesteps: number[] = []
  const onStep = ({ step }: { step: { timestep: number } }) => void timesteps.push(step.timestep)
  const run = async (settings: Recipe) => {
    timesteps.length = 0
    const faces = await protectFace(model, [guide], face, settings, { randomness: 0, identity: 'a', onStep })
    faces.dispose()
    return { shape: faces.shape, steps: timesteps.length }
  }
  const first = await run({ ...once, attempts: 1 })
  // The untrained model draws no faces: both attempts are made.
  const second = await run(again)
  expect(second.steps).toBe(2 * first.steps)
  expect(second.shape).toEqual(first.shape)
  const before = tf.memory().numTensors
  await run(again)
  expect(tf.memory().numTensors).toBe(before)
})

test('only the versions that fail are drawn again', async () => {
  const photo = await readImage('node_modules/@vladmandic/face-api/demo/sample6.jpg')
  const [found] = await detectFaces(photo)
  const portrait = toTensor((await alignFace(photo, found!.landmarks, 64)).face) as tf.Tensor4D
  const drawn: number[] = []
  // A model that draws the same portrait whatever it is told, and a guide that finds only the first of them like the face.
  const painter: FaceModel = {
    ...model,
    predictNoise: (latents, ...rest) => {
      drawn.push(latents.shape[0])
      return model.predictNoise(latents, ...rest)
    },
    decode: latent =>
      tf.tidy(() => {
        return tf.add(tf.tile(portrait, [latent.shape[0], 1, 1, 1]), tf.mul(tf.mean(latent), 0)) as tf.Tensor4D
      }),
  }
  const partial: Recognizer = {
    name: 'partial',
    dimensions: 2,
    embed: faces =>
      tf.tidy(() => {
        const rows = Array.from({ length: faces.shape[0] }, (_, i) => (i === 0 ? [1, 0] : [0, 1]))
        return tf.add(tf.tensor2d(rows), tf.mul(tf.mean(faces), 0)) as tf.Tensor2D
      }),
  }
  const draw = async (likeness: number) => {
    drawn.length = 0
    const settings = await recipe('anonymize', 'samples=3', 'attempts=2', `likeness=${likeness}`)
    const faces = await protectFace(painter, [partial], face, settings, { randomness: 0, identity: 'a' })
    expect(faces.shape).toEqual([3, 64, 64, 3])
    faces.dispose()
    return new Set(drawn)
  }
  expect(await draw(0.5)).toEqual(new Set([3, 1]))
  expect(await draw(1)).toEqual(new Set([3]))
  portrait.dispose()
})
