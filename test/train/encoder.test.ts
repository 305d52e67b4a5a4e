import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { loadModelConfig } from '../../src/config/model.ts'
import { trainSchema } from '../../src/config/train.ts'
import { StoreWriter } from '../../src/data/store-writer.ts'
import type { Weights } from '../../src/models/module.ts'
import { runTraining } from '../../src/train/run.ts'
import { initialise } from '../../src/train/state.ts'
import { encoderTask, imageLoss } from '../../src/train/tasks/encoder.ts'
import { normal } from '../../src/util/random.ts'

/** Styles are latents; pictures are of the colour that the first three numbers of the last row say. */
const generator = {
  toStyles: (latents: tf.Tensor) => latents.clone(),
  decode: (latents: tf.Tensor4D, size: number) =>
    tf.tile(tf.slice(latents, [0, 15, 0, 0], [-1, 1, 1, 3]), [1, size, size, 1]) as tf.Tensor4D,
}
const store = (value: number) => ({
  count: 3,
  faces: async (rows: readonly number[]) => tf.fill([rows.length, 16, 16, 3], value) as tf.Tensor4D,
  latents: async (rows: readonly number[]) => tf.fill([rows.length, 16, 1, 512], 0.5) as tf.Tensor4D,
})
const options = { seed: 1, batchSize: 4, latentWeight: 1, imageWeight: 0, priorWeight: 0, photoShare: 0.25 }
/** Weights of an encoder that answers `value` to every face. */
function answering(value: number, parameters: Parameters<typeof initialise>[0]): Weights {
  const weights = initialise(parameters, 1, /./)
  return { ...weights, 'encoder.styles.bias': tf.fill([5 * 512], value) }
}

let folder: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'encoder-'))
  await useBackend('tensorflow')
})
afterAll(() => rmSync(folder, { recursive: true }))

test('styles are compared on generated faces alone, pictures on all', async () => {
  const task = encoderTask(generator, store(0.3), store(-0.3), { ...options, imageWeight: 2, priorWeight: 0.1 })
  const batch = await task.batch(0)
  expect([batch.faces.shape, batch.latents.shape]).toEqual([[4, 128, 128, 3], [3, 16, 1, 512]]) // biome-ignore format: one line
  const { loss, parts } = task.loss(answering(0.3, task.parameters), batch, 0)
  const value = (part: tf.Tensor) => part.dataSync()[0]!
  expect(value(parts.styles!)).toBeCloseTo(0.2 ** 2, 5)
  expect(value(parts.norm!)).toBeCloseTo(0.3 ** 2, 5)
  // Three faces as they should be, and a photo that is 0.6 darker
  expect(value(parts.image!)).toBeCloseTo(0.6 / 4, 4)
  expect(value(loss)).toBeCloseTo(0.04 + 2 * 0.15 + 0.1 * 0.09, 4)
})

test('nothing is generated without a weight on pictures', async () => {
  const refusing = { ...generator, decode: () => expect.fail('generated') }
  const task = encoderTask(refusing, store(0.3), undefined, options)
  const batch = await task.batch(0)
  expect(batch.latents.shape[0]).toBe(4)
  expect(Object.keys(task.loss(answering(0, task.parameters), batch, 0).parts)).toEqual(['styles', 'norm'])
})

test('faces are degraded, each in its own way, and what is compared is not', async () => {
  const [first, again, other] = await Promise.all(
    [0, 0, 1].map(step => encoderTask(generator, store(0.3), undefined, options).batch(step)),
  )
  const means = async (x: tf.Tensor4D) => [...(await tf.mean(x, [1, 2, 3]).data())]
  expect(await means(first!.degraded)).toEqual(await means(again!.degraded))
  expect(await means(first!.degraded)).not.toEqual(await means(other!.degraded))
  expect(new Set(await means(first!.degraded)).size).toBe(4)
  for (const mean of await means(first!.faces)) expect(mean).toBeCloseTo(0.3, 5)
  expect(tf.max(tf.abs(first!.degraded)).dataSync()[0]).toBeLessThanOrEqual(1)
})

test('errors count more where faces are', () => {
  const error = (x: number, y: number) => {
    const wanted = tf.zeros([1, 64, 64, 3]) as tf.Tensor4D
    const spot = tf.pad(tf.ones([1, 8, 8, 3]), [[0, 0], [y, 56 - y], [x, 56 - x], [0, 0]]) // biome-ignore format: one line
    return imageLoss(spot as tf.Tensor4D, wanted).dataSync()[0]!
  }
  expect(error(28, 28)).toBeGreaterThan(3 * error(0, 0))
  expect(imageLoss(tf.ones([1, 64, 64, 3]), tf.zeros([1, 64, 64, 3])).dataSync()[0]).toBeCloseTo(1, 4)
})

test('the loss is of tensors that are freed', async () => {
  const task = encoderTask(generator, store(0.3), store(0.1), { ...options, imageWeight: 1 })
  const weights = answering(0.1, task.parameters)
  const before = tf.memory().numTensors
  const batch = await task.batch(2)
  tf.tidy(() => task.loss(weights, batch, 2).loss.dataSync())
  tf.dispose(batch)
  expect(tf.memory().numTensors).toBe(before)
})

test('photos alone cannot be trained on', async () => {
  const faces = join(folder, 'photos')
  const writer = await StoreWriter.create(faces, 256)
  const bytes = Uint8Array.from(normal([256 * 256 * 3], 1, 'photo').dataSync(), value => 128 + 40 * value)
  await writer.add({ id: 'a', identity: 'b' }, bytes)
  await writer.finish()
  const config = { task: 'encoder', steps: 1, batchSize: 2, learningRate: { peak: 1e-4 }, precision: 'float32' }
  const run = runTraining(
    trainSchema.parse(config),
    await loadModelConfig('faces-1024'),
    { faces: [faces], out: join(folder, 'run') },
    { onPrepare: () => {}, onReport: () => {} },
  )
  await expect(run).rejects.toThrow(/expected generated faces.*dataset generate/)
})
