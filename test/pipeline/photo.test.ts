import { rmSync } from 'node:fs'
import * as tf from '@tensorflow/tfjs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { type Recipe, recipeSchema } from '../../src/config/recipe.ts'
import type { Box } from '../../src/faces/box.ts'
import { loadRecognizer } from '../../src/faces/recognizers.ts'
import { readImage } from '../../src/images/codec.ts'
import type { Image } from '../../src/images/image.ts'
import type { FaceKey } from '../../src/keys/key.ts'
import type { Recognizer } from '../../src/models/recognizers/recognizer.ts'
import type { ProtectedPhoto } from '../../src/pipeline/compose-photo.ts'
import { type FaceModel, loadModel } from '../../src/pipeline/model.ts'
import { protectPhoto } from '../../src/pipeline/photo.ts'
import { protectPhotoFace } from '../../src/pipeline/photo-face.ts'
import { recoverFromKey, recoverPhoto } from '../../src/pipeline/recover-photo.ts'
import { UserError } from '../../src/util/errors.ts'
import { loadConfig } from '../../src/yaml/load.ts'
import { couple, grey } from './photos.ts'
import { type TinyModel, tinyModel } from './tiny-model.ts'

let tiny: TinyModel
let model: FaceModel
let guide: Recognizer
let photo: Image
let recipe: Recipe
let done: ProtectedPhoto
const steps: number[][] = []

beforeAll(async () => {
  await useBackend('wasm')
  tiny = await tinyModel()
  model = await loadModel(tiny.path)
  guide = await loadRecognizer('dlib')
  photo = await readImage(await couple().png().toBuffer())
  const overrides = ['steps=3', 'attempts=1', 'recovery.steps=2', 'samples=2']
  recipe = await loadConfig(recipeSchema, { path: 'configs/faces-128/anonymize.yaml', overrides })
  done = await protectPhoto(model, [guide], photo, recipe, { onStep: (...told) => void steps.push(told) })
})
afterAll(() => rmSync(tiny.folder, { recursive: true }))

/** Where two pictures differ. */
function changed(a: Image, b: Image): { x: number; y: number }[] {
  const places = []
  for (let i = 0; i < a.data.length; i += 3)
    if ([0, 1, 2].some(c => a.data[i + c] !== b.data[i + c]))
      places.push({ x: (i / 3) % a.width, y: Math.floor(i / 3 / a.width) })
  return places
}

/** Whether a place is within the aligned square of a face. */
function within({ x, y }: { x: number; y: number }, { transform: { a, b, tx, ty } }: ProtectedPhoto['faces'][number]) {
  const [u, v] = [a * x - b * y + tx, b * x + a * y + ty]
  return [u, v].every(place => place > -1 && place < model.imageSize + 1)
}

test('every face is protected, in every sample; every other pixel is as it was', () => {
  expect(done.faces).toHaveLength(2)
  expect(done.photos).toHaveLength(2)
  for (const result of done.photos) {
    const places = changed(photo, result)
    for (const face of done.faces) expect(places.filter(place => within(place, face)).length).toBeGreaterThan(500)
    expect(places.filter(place => !done.faces.some(face => within(place, face)))).toEqual([])
  }
  expect(changed(done.photos[0]!, done.photos[1]!).length).toBeGreaterThan(500)
})

test('each step is told: which face of how many, which step of how many', () => {
  expect(steps).toEqual([
    [0, 2, 1, 2],
    [0, 2, 2, 2],
    [1, 2, 1, 2],
    [1, 2, 2, 2],
  ])
})

const keysOf = ({ faces }: ProtectedPhoto) => faces.map(({ key }) => ({ ...key, picture: '0'.repeat(64) }))

test('recovery gives every face back as it was, to 45 dB, without a model', async () => {
  const model = () => Promise.reject(new Error('no model is needed'))
  for (const protectedPhoto of done.photos) {
    const recovered = await recoverPhoto(model, protectedPhoto, keysOf(done))
    for (const { key } of done.faces) expect(psnrWithin(key.crop!.box, photo, recovered)).toBeGreaterThan(45)
    for (const { key } of done.faces) expect(psnrWithin(key.crop!.box, photo, protectedPhoto)).toBeLessThan(35)
    const isCropped = ({ x, y }: { x: number; y: number }) =>
      done.faces.some(({ key: { crop } }) => {
        const { box } = crop!
        return x >= box.x && y >= box.y && x < box.x + box.width && y < box.y + box.height
      })
    expect(changed(photo, recovered).filter(place => !isCropped(place))).toEqual([])
  }
})

test.each(['generative', 'exact'] as const)(
  'keys without crops are recovered by the model (%s), which puts a face where each key says, and touches nothing else',
  async recovery => {
    const keys = keysOf(done).map(({ crop, ...key }) => (recovery === 'exact' ? key : { ...key, crop }))
    const before = tf.memory().numTensors
    const recovered = await recoverPhoto(async () => model, done.photos[0]!, keys as FaceKey[], recovery)
    expect(tf.memory().numTensors).toBe(before)
    const places = changed(photo, recovered)
    expect(places.filter(place => !done.faces.some(face => within(place, face)))).toEqual([])
    expect(changed(done.photos[0]!, recovered).length).toBeGreaterThan(500)
  },
)

test('a crop that does not lie in the photo is refused', async () => {
  const [key] = keysOf(done)
  const outside = { ...key!, crop: { ...key!.crop!, box: { ...key!.crop!.box, x: photo.width } } }
  const refused = recoverPhoto(async () => model, done.photos[0]!, [outside])
  await expect(refused).rejects.toThrow(UserError)
  await expect(refused).rejects.toThrow(/crop of \d+ x \d+ pixels/)
})

/** Peak signal-to-noise ratio of two photos in a box, in dB. */
function psnrWithin({ x, y, width, height }: Box, a: Image, b: Image): number {
  let sum = 0
  for (let row = y; row < y + height; row++)
    for (let k = 3 * (row * a.width + x); k < 3 * (row * a.width + x + width); k++)
      sum += (a.data[k]! - b.data[k]!) ** 2
  return 10 * Math.log10(255 ** 2 / (sum / (3 * width * height)))
}

test('each round samples others, the first of them what the photo shows', async () => {
  const [face] = done.faces
  const samples = async (round: number) => (await protectPhotoFace(model, [guide], face!, recipe, { round }))[0]!.data
  expect(await samples(0)).toEqual((face!.samples[0] as Image).data)
  expect(await samples(1)).not.toEqual(await samples(0))
})

test("another model's key is refused by name", async () => {
  const { key } = done.faces[0]!
  const other = { ...key, picture: '', model: { name: 'faces-512', sha256: 'f'.repeat(64) } }
  const refused = recoverFromKey(model, other)
  await expect(refused).rejects.toThrow(UserError)
  await expect(refused).rejects.toThrow(/made with model 'faces-512' .*found 'tiny'/)
})

test('protecting leaves the tensor count where it was', async () => {
  const before = tf.memory().numTensors
  await protectPhoto(model, [guide], photo, { ...recipe, samples: 1 })
  expect(tf.memory().numTensors).toBe(before)
})

test('a picture that shows no face is refused', async () => {
  const nothing = await readImage(await grey().png().toBuffer())
  await expect(protectPhoto(model, [guide], nothing, recipe)).rejects.toThrow(
    /expected a photo with a face, found none/,
  )
})
