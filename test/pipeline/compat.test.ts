import { rmSync } from 'node:fs'
import * as tf from '@tensorflow/tfjs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { keepsDefect, type Recipe, recipeSchema, releaseDefects } from '../../src/config/recipe.ts'
import { loadRecognizer } from '../../src/faces/recognizers.ts'
import { protectFace } from '../../src/pipeline/face.ts'
import { type FaceModel, loadModel } from '../../src/pipeline/model.ts'
import { makeSecret, placeholdersOf } from '../../src/pipeline/recovery.ts'
import { normal } from '../../src/util/random.ts'
import { loadConfig } from '../../src/yaml/load.ts'
import { type TinyModel, tinyModel } from './tiny-model.ts'

let tiny: TinyModel
let model: FaceModel
let face: tf.Tensor4D

beforeAll(async () => {
  await useBackend('wasm')
  tiny = await tinyModel()
  model = await loadModel(tiny.path)
  face = tf.tidy(() => tf.clipByValue(tf.mul(normal([1, 64, 64, 3], 1, 'face'), 0.6), -1, 1) as tf.Tensor4D)
})
afterAll(() => rmSync(tiny.folder, { recursive: true }))

const recipe = (...overrides: string[]): Promise<Recipe> =>
  loadConfig(recipeSchema, {
    path: 'configs/faces-128/anonymize.yaml',
    overrides: ['steps=4', 'attempts=1', 'recovery.steps=2', ...overrides],
  })

test("no defect is kept unless named, and 'release' keeps all", async () => {
  const [fixed, one, all] = [await recipe(), await recipe('compat=[lateStart]'), await recipe('compat=release')]
  expect(releaseDefects.filter(defect => keepsDefect(fixed, defect))).toEqual([])
  expect(releaseDefects.filter(defect => keepsDefect(one, defect))).toEqual(['lateStart'])
  expect(releaseDefects.filter(defect => keepsDefect(all, defect))).toEqual([...releaseDefects])
  await expect(recipe('compat=[lateStar]')).rejects.toThrow('compat')
})

test('with darkFeatures the feature network sees 0 where the face is inside (-1, 1), 1 at white and 255 at black', async () => {
  const seen: number[][] = []
  const spy: FaceModel = {
    ...model,
    placeholders: face => {
      seen.push(Array.from(face.dataSync()))
      return tf.zeros([10, 32])
    },
  }
  const values = tf.tensor4d([-1, -0.9, 0, 0.99, 1, 0.5], [1, 1, 2, 3])
  placeholdersOf(spy, values, await recipe('compat=[darkFeatures]')).dispose()
  placeholdersOf(spy, values, await recipe()).dispose()
  expect(seen[0]!.map(v => Math.round((v + 1) * 127.5))).toEqual([255, 0, 0, 0, 1, 0])
  expect(seen[1]).toEqual(Array.from(values.dataSync()))
})

test.each(['cleanBackground', 'lateStart'] as const)('%s changes the protected face', async defect => {
  const guide = await loadRecognizer('dlib')
  const run = async (...overrides: string[]) => {
    const faces = await protectFace(model, [guide], face, await recipe(...overrides), { randomness: 0, identity: 'a' })
    return faces.dataSync()
  }
  const [without, kept] = [await run(), await run(`compat=[${defect}]`)]
  expect(without.some((value, i) => Math.abs(value - kept[i]!) > 1e-4)).toBe(true)
})

test('shiftedInversion changes the inverted latent and not the placeholder vectors', async () => {
  const [right, shifted] = [await recipe(), await recipe('compat=[shiftedInversion]')].map(r =>
    makeSecret(model, face, r),
  )
  expect(Array.from(right!.vectors.dataSync())).toEqual(Array.from(shifted!.vectors.dataSync()))
  const [a, b] = [right!.latent.dataSync(), shifted!.latent.dataSync()]
  expect(a.some((value, i) => Math.abs(value - b[i]!) > 1e-4)).toBe(true)
})
