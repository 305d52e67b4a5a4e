import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { describe, expect, it } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { linear } from '../../src/models/layers.ts'
import type { Weights } from '../../src/models/module.ts'
import { relativeError } from '../../src/parity/golden.ts'
import { all } from '../../src/tracking/tracker.ts'
import { loadCheckpoint, saveCheckpoint } from '../../src/train/checkpoint.ts'
import { type LoopOptions, type StepReport, train } from '../../src/train/loop.ts'
import type { TrainingTask } from '../../src/train/task.ts'
import { usableBackends } from '../models/backends.ts'

type Values = Record<string, number[]>

/** What test/golden/training.py made in PyTorch. */
const golden: {
  config: Pick<LoopOptions, 'steps' | 'accumulate' | 'averageDecay' | 'learningRate' | 'optimizer'>
  parameters: Record<string, number[]>
  x: { shape: [number, number, number]; values: number[] }
  y: { shape: [number, number, number]; values: number[] }
  steps: { loss: number; learningRate: number; gradientNorm: number }[]
  start: Values
  weights: Values
  average: Values
  first: Values
  second: Values
} = JSON.parse(await readFile(new URL('../golden/training/optimizer.json', import.meta.url), 'utf8'))

const [hidden, output] = [linear('0', 6, 8), linear('2', 8, 3)]

interface Batch extends tf.TensorContainerObject {
  x: tf.Tensor2D
  y: tf.Tensor2D
}

const rowOf = ({ shape: [, n, width], values }: typeof golden.x, i: number) =>
  tf.tensor2d(values.slice(i * n * width, (i + 1) * n * width), [n, width])

const task: TrainingTask<Batch> = {
  name: 'two layers',
  parameters: { ...hidden.parameters, ...output.parameters },
  batch: async number => ({ x: rowOf(golden.x, number), y: rowOf(golden.y, number) }),
  loss(weights, { x, y }) {
    const found = output(weights, tf.tanh(hidden(weights, x)))
    return { loss: tf.mean(tf.squaredDifference(found, y)) as tf.Scalar, parts: {} }
  },
}

const tensors = (values: Values): Weights =>
  Object.fromEntries(Object.entries(values).map(([name, v]) => [name, tf.tensor(v, golden.parameters[name]!)]))
const zeros = (): Weights =>
  Object.fromEntries(Object.entries(golden.parameters).map(([name, shape]) => [name, tf.zeros(shape)]))

it('steps that are clipped and ones that are not, an average whose decay still rises and one at its full value', () => {
  const { averageDecay, optimizer, steps } = golden.config
  const clipped = golden.steps.map(({ gradientNorm }) => gradientNorm > optimizer.clipNorm)
  // The last steps count most in what is compared.
  for (const part of [clipped, clipped.slice(-4)]) expect(new Set(part)).toEqual(new Set([true, false]))
  const rising = Array.from({ length: steps }, (_, i) => (2 + i) / (11 + i) < averageDecay)
  expect(rising.filter(Boolean).length).toBe(7)
})

describe.each(usableBackends)('training on %s', backend => {
  it('takes the steps that PyTorch takes: clipping, AdamW, warm-up and cosine, average, accumulation', async () => {
    await useBackend(backend)
    const folder = await mkdtemp(join(tmpdir(), 'torch-'))
    const last = join(folder, 'last.safetensors')
    const start = { weights: tensors(golden.start), average: tensors(golden.start), first: zeros(), second: zeros() }
    await saveCheckpoint(last, start, { step: 0, config: {} })
    const reports: StepReport[] = []
    const rest = {
      seed: 0,
      logEvery: 1,
      checkpointEvery: 100,
      demoEvery: 100,
      keepCheckpoints: 1,
      validationBatches: 1,
    }
    await train(
      task,
      { ...golden.config, ...rest },
      {
        folder,
        config: {},
        description: { name: 'torch', params: {}, tags: {}, compared: [] },
        tracker: all([]),
        onReport: report => reports.push(report),
      },
    )

    for (const key of ['loss', 'learningRate', 'gradientNorm'] as const) {
      const [found, wanted] = [reports, golden.steps].map(steps => steps.map(step => step[key]))
      expect(relativeError(found!, wanted!), key).toBeLessThan(1e-5)
    }
    const state = await loadCheckpoint(last, task.parameters)
    for (const role of ['weights', 'average', 'first', 'second'] as const) {
      for (const [name, wanted] of Object.entries(golden[role]))
        expect(relativeError(await state[role][name]!.data(), wanted), `${role}.${name}`).toBeLessThan(1e-5)
    }
    await rm(folder, { recursive: true })
  })
})
