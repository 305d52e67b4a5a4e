import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { normal } from '../../src/data/random.ts'
import { conv2d } from '../../src/models/layers.ts'
import type { Weights } from '../../src/models/module.ts'
import { type LoopOptions, type StepReport, train } from '../../src/train/loop.ts'
import type { TrainingTask } from '../../src/train/task.ts'

const layer = conv2d('conv', 3, 4)

/** Learns a convolution from its outputs on noise. */
const task: TrainingTask<{ x: tf.Tensor4D; y: tf.Tensor4D }> = {
  name: 'toy',
  parameters: layer.parameters,
  async batch(step) {
    return {
      x: normal([2, 5, 5, 3], 7, 'x', step) as tf.Tensor4D,
      y: normal([2, 5, 5, 4], 7, 'y', step) as tf.Tensor4D,
    }
  },
  loss(weights, { x, y }) {
    const loss = tf.mean(tf.squaredDifference(layer(weights, x), y)) as tf.Scalar
    return { loss, parts: { again: loss } }
  },
}

const options = (steps: number): LoopOptions => ({
  seed: 3,
  steps,
  // A constant rate: a cosine would make the first four steps of eight differ from four of four.
  learningRate: { peak: 0.01, final: 0.01, warmup: 0 },
  optimizer: { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.01, clipNorm: 1 },
  averageDecay: 0.9,
  logEvery: 2,
  checkpointEvery: 4,
  demoEvery: 100,
})

const valuesOf = async (weights: Weights) =>
  Promise.all(Object.entries(weights).map(async ([name, tensor]) => [name, [...(await tensor.data())]] as const))

let folder: string
beforeAll(() => useBackend('wasm'))
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'loop-'))
})
afterEach(() => rm(folder, { recursive: true }))

describe('train', () => {
  it('goes on from its checkpoint bit for bit', async () => {
    const whole = await train(task, options(8), join(folder, 'whole'), {}, () => {})
    tf.dispose(Object.values(await train(task, options(4), join(folder, 'parts'), {}, () => {})))
    const resumed: number[] = []
    const parts = await train(task, options(8), join(folder, 'parts'), {}, ({ step }) => resumed.push(step))
    expect(resumed).toEqual([6, 8])
    expect(await valuesOf(parts)).toEqual(await valuesOf(whole))
    const files = await Promise.all(['whole', 'parts'].map(run => readFile(join(folder, run, 'last.safetensors'))))
    expect(files[0]!.equals(files[1]!)).toBe(true)
    tf.dispose([...Object.values(whole), ...Object.values(parts)])
  })

  it('lowers the loss it reports, and logs it', async () => {
    const reports: StepReport[] = []
    const still: TrainingTask<{ x: tf.Tensor4D; y: tf.Tensor4D }> = { ...task, batch: () => task.batch(0) }
    tf.dispose(Object.values(await train(still, options(200), folder, {}, report => reports.push(report))))
    expect(reports.at(-1)!.loss).toBeLessThan(0.9 * reports[0]!.loss)
    expect(reports[0]!.parts.again).toBeCloseTo(reports[0]!.loss, 6)
    expect((await readFile(join(folder, 'log.jsonl'), 'utf8')).trim().split('\n')).toHaveLength(100)
  })

  it('leaves no tensors behind but the weights it returns', async () => {
    const before = tf.memory().numTensors
    const weights = await train(task, options(6), folder, {}, () => {})
    expect(tf.memory().numTensors - before).toBe(Object.keys(weights).length)
    tf.dispose(Object.values(weights))
  })

  it('stops at a loss that is not finite and keeps the last checkpoint', async () => {
    tf.dispose(Object.values(await train(task, options(4), folder, {}, () => {})))
    await copyFile(join(folder, 'last.safetensors'), join(folder, 'before'))
    const broken: typeof task = {
      ...task,
      loss: (weights, batch, step) => {
        const { loss, parts } = task.loss(weights, batch, step)
        return { loss: step === 5 ? (tf.div(loss, 0) as tf.Scalar) : loss, parts }
      },
    }
    await expect(train(broken, options(8), folder, {}, () => {})).rejects.toThrow(/the loss of step 5 is Infinity/)
    expect((await readFile(join(folder, 'last.safetensors'))).equals(await readFile(join(folder, 'before')))).toBe(true)
  })
})
