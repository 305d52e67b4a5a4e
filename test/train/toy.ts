/** A small task over noise, and a process that trains it: node --import tsx toy.ts BACKEND FOLDER STEPS. */
import { argv } from 'node:process'
import { pathToFileURL } from 'node:url'
import * as tf from '@tensorflow/tfjs'
import { useBackend } from '../../src/backend/index.ts'
import { conv2d, linear } from '../../src/models/layers.ts'
import { folderTracker } from '../../src/tracking/tracker.ts'
import { type LoopOptions, train } from '../../src/train/loop.ts'
import type { TrainingTask } from '../../src/train/task.ts'
import { normal } from '../../src/util/random.ts'

interface Batch extends tf.TensorContainerObject {
  x: tf.Tensor4D
}

/**
 * A convolution and a linear layer learn to give their input back: with a side of 12 half a million weights, whose
 * checkpoint takes a while to write.
 */
export function toyTask(side = 12): TrainingTask<Batch> {
  const [conv, head] = [conv2d('conv', 3, 8), linear('head', side * side * 8, side * side * 3)]
  return {
    name: 'toy',
    parameters: { ...conv.parameters, ...head.parameters },
    batch: async step => ({ x: normal([4, side, side, 3], 7, 'x', step) as tf.Tensor4D }),
    loss(weights, { x }) {
      const features = tf.tanh(conv(weights, x))
      const found = head(weights, tf.reshape(features, [4, -1]) as tf.Tensor2D)
      return { loss: tf.mean(tf.squaredDifference(found, tf.reshape(x, [4, -1]))) as tf.Scalar, parts: {} }
    },
  }
}

/** A checkpoint every third step. */
export const toyOptions = (steps: number): LoopOptions => ({
  seed: 3,
  steps,
  accumulate: 1,
  learningRate: { peak: 0.01, final: 0.001, warmup: 4 },
  optimizer: { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.01, clipNorm: 1 },
  averageDecay: 0.9,
  logEvery: 1,
  checkpointEvery: 3,
  demoEvery: 1000,
  keepCheckpoints: 2,
  validationBatches: 1,
})

/** Trains it, telling each step. */
export async function trainToy(
  folder: string,
  steps: number,
  onStep: (step: number) => void,
  resumeFrom?: string,
): Promise<void> {
  const weights = await train(toyTask(), toyOptions(steps), {
    folder,
    resumeFrom,
    config: { toy: true },
    description: { name: 'toy', params: {}, tags: {}, compared: [] },
    tracker: folderTracker(folder, message => {
      throw new Error(message)
    }),
    onReport: ({ step }) => onStep(step),
  })
  tf.dispose(Object.values(weights))
}

if (import.meta.url === pathToFileURL(argv[1] ?? '').href) {
  const [backend, folder, steps] = argv.slice(2) as [string, string, string]
  await useBackend(backend)
  await trainToy(folder, Number(steps), step => process.stdout.write(`${step}\n`))
  process.exit(0)
}
