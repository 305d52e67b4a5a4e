import { rm } from 'node:fs/promises'
import * as tf from '@tensorflow/tfjs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import type { FaceStore } from '../../src/data/face-store.ts'
import { type Arm, armName, arms, measureMsiVariants, msiVariantsTable } from '../../src/eval/msi-variants.ts'
import type { Recognizer } from '../../src/models/recognizers/recognizer.ts'
import { type FaceModel, loadModel } from '../../src/pipeline/model.ts'
import { normal } from '../../src/util/random.ts'
import { type TinyModel, tinyModel } from '../pipeline/tiny-model.ts'

let tiny: TinyModel
let model: FaceModel
beforeAll(async () => {
  await useBackend('wasm')
  tiny = await tinyModel()
  model = await loadModel(tiny.path)
})
afterAll(() => rm(tiny.folder, { recursive: true }))

const entries = [
  { id: 'ada-1', identity: 'ada' },
  { id: 'bo-1', identity: 'bo' },
]
const store = {
  entries,
  faces: async (indices: readonly number[]) => normal([indices.length, 64, 64, 3], 3, indices.join()) as tf.Tensor4D,
} as unknown as FaceStore

/** Accepts everything but black: its embedding is the picture's mean colour. */
const colour = {
  name: 'colour',
  embed: (faces: tf.Tensor4D) =>
    tf.tidy(() => {
      const mean = tf.mean(tf.add(faces, 1.5), [1, 2])
      return tf.div(mean, tf.norm(mean, 2, 1, true))
    }),
} as unknown as Recognizer

it('measures every face in every form, and trains those of one face or person for each, that of many once', async () => {
  const asked: [string, string][] = []
  let disposed = 0
  const before = tf.memory().numTensors
  const measured = await measureMsiVariants(model, [colour], store, {
    indices: [0, 1],
    recovery: { steps: 2, refinements: 0 },
    msiOf: async (arm: Arm, { id }) => {
      asked.push([armName(arm), id])
      return { placeholders: model.placeholders, dispose: () => void disposed++ }
    },
    onFace: () => {},
  })
  expect(tf.memory().numTensors).toBe(before)
  expect(measured.length).toBe(2 * arms.length)
  const forOne = arms.filter(arm => 'trained' in arm && arm.trained !== 'train set').map(armName)
  expect(forOne).toEqual([
    'one embedding, per image',
    'released MSI, per image',
    'patch MSI, per image',
    'one embedding, per person',
    'released MSI, per person',
    'patch MSI, per person',
  ])
  for (const name of forOne)
    expect(asked.filter(([arm]) => arm === name).map(([, id]) => id)).toEqual(['ada-1', 'bo-1'])
  const overMany = asked.filter(([arm]) => arm.endsWith('over the train set'))
  expect(overMany.map(([, id]) => id)).toEqual(['ada-1', 'ada-1', 'ada-1'])
  expect(disposed).toBe(asked.length)

  const table = msiVariantsTable(measured, { colour: { threshold: -1 } })
  expect(table.split('\n').filter(line => line.includes('100.0 %')).length).toBe(arms.length)
})
