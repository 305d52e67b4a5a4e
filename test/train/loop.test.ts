import { appendFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import * as tf from '@tensorflow/tfjs'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { conv2d } from '../../src/models/layers.ts'
import type { Weights } from '../../src/models/module.ts'
import { folderTracker } from '../../src/tracking/tracker.ts'
import { readNote } from '../../src/train/checkpoint.ts'
import { type LoopOptions, type Run, type StepReport, train } from '../../src/train/loop.ts'
import type { TrainingTask } from '../../src/train/task.ts'
import { normal } from '../../src/util/random.ts'
import { loadWeights } from '../../src/weights/load.ts'
import { readTensors } from '../../src/weights/open.ts'
import { saveWeights } from '../../src/weights/write-safetensors.ts'

const layer = conv2d('conv', 3, 4)

interface Batch extends tf.TensorContainerObject {
  x: tf.Tensor4D
  y: tf.Tensor4D
}

/** Learns a convolution from its outputs on noise. */
const task: TrainingTask<Batch> = {
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
  accumulate: 1,
  logEvery: 2,
  checkpointEvery: 4,
  demoEvery: 100,
  keepCheckpoints: 2,
  validationBatches: 2,
})

const run = (out: string, more: Partial<Run<Batch>> = {}): Run<Batch> => ({
  folder: out,
  config: { seed: 3 },
  description: { name: 'toy', params: {}, tags: {}, compared: [] },
  tracker: folderTracker(out, message => expect.unreachable(message)),
  ...more,
})

const free = (weights: Weights) => tf.dispose(Object.values(weights))

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
    const whole = await train(task, options(8), run(join(folder, 'whole')))
    free(await train(task, options(4), run(join(folder, 'parts'))))
    const resumed: number[] = []
    const onReport = ({ step }: StepReport) => resumed.push(step)
    const parts = await train(task, options(8), run(join(folder, 'parts'), { onReport }))
    expect(resumed).toEqual([6, 8])
    expect(await valuesOf(parts)).toEqual(await valuesOf(whole))
    const files = await Promise.all(['whole', 'parts'].map(name => readFile(join(folder, name, 'last.safetensors'))))
    expect(files[0]!.equals(files[1]!)).toBe(true)
    free(whole)
    free(parts)
  })

  it('lowers the loss it reports, and logs it', async () => {
    const reports: StepReport[] = []
    const still: TrainingTask<Batch> = { ...task, batch: () => task.batch(0) }
    free(await train(still, options(200), run(folder, { onReport: report => reports.push(report) })))
    expect(reports.at(-1)!.loss).toBeLessThan(0.9 * reports[0]!.loss)
    expect(reports[0]!.parts.again).toBeCloseTo(reports[0]!.loss, 6)
    const log = (await readFile(join(folder, 'log.jsonl'), 'utf8')).trim().split('\n')
    expect(log.map(line => JSON.parse(line).step)).toEqual(reports.map(({ step }) => step))
    expect(JSON.parse(log[0]!)).toMatchObject({ loss: reports[0]!.loss, 'loss/again': reports[0]!.parts.again })
  })

  it('averages over batches: n of them are one that is n times as large', async () => {
    const both: TrainingTask<Batch> = {
      ...task,
      async batch(step) {
        const [a, b] = [await task.batch(2 * step), await task.batch(2 * step + 1)]
        const joined = tf.tidy(() => ({ x: tf.concat([a.x, b.x]), y: tf.concat([a.y, b.y]) }))
        tf.dispose([a, b])
        return joined
      },
    }
    const large = await train(both, options(3), run(join(folder, 'large')))
    const small = await train(task, { ...options(3), accumulate: 2 }, run(join(folder, 'small')))
    const [wanted, found] = [await valuesOf(large), await valuesOf(small)]
    for (const [i, [name, values]] of wanted.entries()) {
      expect(found[i]![0]).toBe(name)
      for (const [k, value] of values.entries()) expect(found[i]![1][k]).toBeCloseTo(value, 5)
    }
    free(large)
    free(small)
  })

  it('leaves no tensors behind but the weights it returns', async () => {
    const before = tf.memory().numTensors
    const weights = await train(task, { ...options(6), accumulate: 2 }, run(folder, { validation: task }))
    expect(tf.memory().numTensors - before).toBe(Object.keys(weights).length)
    free(weights)
  })

  it('keeps the newest checkpoints, and the best by its validation loss', async () => {
    // A validation loss that is lowest at step 8: the distance of the weights to those at step 8.
    const at8 = await train(task, { ...options(8), averageDecay: 0 }, run(join(folder, 'eight')))
    const validation: TrainingTask<Batch> = {
      ...task,
      loss: weights => ({
        loss: tf.addN(
          Object.keys(weights).map(name => tf.sum(tf.squaredDifference(weights[name]!, at8[name]!))),
        ) as tf.Scalar,
        parts: {},
      }),
    }
    free(await train(task, { ...options(20), averageDecay: 0 }, run(join(folder, 'run'), { validation })))
    const steps = async (name: string) => (await readNote(join(folder, 'run', name)))!.step
    const names = (await readdir(join(folder, 'run'))).sort()
    const kept = ['step-000016.safetensors', 'step-000020.safetensors']
    expect(names).toEqual(['best.safetensors', 'config.yaml', 'last.safetensors', 'log.jsonl', ...kept])
    expect([await steps('last.safetensors'), await steps('best.safetensors')]).toEqual([20, 8])
    expect((await readNote(join(folder, 'run', 'best.safetensors')))!.score).toEqual({ loss: 0, over: 'validation' })
    const log = await readFile(join(folder, 'run', 'log.jsonl'), 'utf8')
    expect(log.match(/validationLoss/g)).toHaveLength(5)
    free(at8)
  })

  it('says which checkpoint is damaged where what it notes of itself is no JSON', async () => {
    const path = join(folder, 'damaged.safetensors')
    await saveWeights(path, {}, { step: '3', config: '{"seed":' })
    await expect(readNote(path)).rejects.toThrow(/damaged\.safetensors: its metadata is no JSON/)
  })

  it('stops when asked to, with a checkpoint', async () => {
    const stop = new AbortController()
    const onReport = ({ step }: StepReport) => step === 6 && stop.abort()
    free(await train(task, options(20), run(folder, { onReport, signal: stop.signal })))
    expect((await readNote(join(folder, 'last.safetensors')))!.step).toBe(6)
  })

  it.each(['training', 'validation'] as const)(
    'has the best checkpoint, by %s, of a run that was never interrupted, and scores none off the schedule',
    async over => {
      // Worse from step to step, so that a score of only the last steps would be another one.
      const worse: TrainingTask<Batch> = {
        ...task,
        loss: (weights, batch, step) => ({
          loss: tf.mul(task.loss(weights, batch, step).loss, step + 1) as tf.Scalar,
          parts: {},
        }),
      }
      const more = over === 'validation' ? { validation: task } : {}
      const [whole, parts] = [join(folder, 'whole'), join(folder, 'parts')]
      free(await train(worse, options(12), run(whole, more)))
      for (const last of [2, 6, 10]) {
        const stop = new AbortController()
        const onReport = ({ step }: StepReport) => step === last && stop.abort()
        free(await train(worse, options(12), run(parts, { ...more, onReport, signal: stop.signal })))
        const note = (await readNote(join(parts, 'last.safetensors')))!
        expect(note).toMatchObject({ step: last, unscored: { count: 2 } })
        expect(note.score).toBeUndefined()
      }
      free(await train(worse, options(12), run(parts, more)))
      expect((await readNote(join(parts, 'last.safetensors')))!.score!.over).toBe(over)
      for (const name of ['best.safetensors', 'last.safetensors']) {
        const [wanted, found] = await Promise.all([whole, parts].map(place => readFile(join(place, name))))
        expect(found!.equals(wanted!), name).toBe(true)
      }
    },
  )

  it('counts as waiting what is done for batches between the steps, on the same thread', async () => {
    const slow: typeof task = {
      ...task,
      async batch(step) {
        await setImmediate()
        const end = performance.now() + 50
        while (performance.now() < end);
        return task.batch(step)
      },
    }
    const waiting: number[] = []
    const logged = { ...options(6), logEvery: 1, checkpointEvery: 100 }
    free(await train(slow, logged, run(folder, { onReport: report => waiting.push(report.waiting) })))
    for (const share of waiting) expect(share).toBeGreaterThan(0.5)
  })

  it('makes all batches of the next step while a step is taken', async () => {
    const made: number[] = []
    const seen: number[][] = []
    const watched: typeof task = {
      ...task,
      async batch(number) {
        made.push(number)
        return task.batch(number)
      },
      loss(weights, batch, number) {
        if (number % 3 === 0) seen.push([...made])
        return task.loss(weights, batch, number)
      },
    }
    free(await train(watched, { ...options(3), accumulate: 3 }, run(folder)))
    expect(seen.map(numbers => numbers.length)).toEqual([6, 9, 9])
  })

  it('logs no step twice after a run was ended by force', async () => {
    free(await train(task, options(4), run(folder)))
    await appendFile(join(folder, 'log.jsonl'), '{"step":6,"loss":1}\n{"step":8,"lo')
    await writeFile(join(folder, '.last.safetensors.0123456789ab.tmp'), 'half')
    const steps: number[] = []
    free(await train(task, options(8), run(folder, { onStart: step => steps.push(step) })))
    const log = (await readFile(join(folder, 'log.jsonl'), 'utf8')).trim().split('\n')
    expect(log.map(line => JSON.parse(line).step)).toEqual([2, 4, 6, 8])
    expect(steps).toEqual([4])
    expect((await readdir(folder)).filter(name => name.startsWith('.'))).toEqual([])
  })

  it('stops at a loss that is not finite, keeps the last checkpoint and what the step was computed from', async () => {
    free(await train(task, options(4), run(folder)))
    const before = await readFile(join(folder, 'last.safetensors'))
    const divided = (loss: tf.Scalar, step: number) => (step === 5 ? (tf.div(loss, 0) as tf.Scalar) : loss)
    const broken: typeof task = {
      ...task,
      loss: (weights, batch, step) => ({ loss: divided(task.loss(weights, batch, step).loss, step), parts: {} }),
    }
    await expect(train(broken, options(8), run(folder))).rejects.toThrow(/the loss of step 5 is Infinity \(.*failed-/)
    expect((await readFile(join(folder, 'last.safetensors'))).equals(before)).toBe(true)

    const path = join(folder, 'failed-step-000005.safetensors')
    const tensors = await readTensors(path)
    expect((await readNote(path))!.step).toBe(5)
    const { x, y } = await task.batch(5)
    expect(tensors.get('batch.0.x')!.data).toEqual(await x.data())
    // The weights are those before the step: with them and the batch it goes wrong again.
    const weights = await loadWeights(path, task.parameters, { prefix: 'weights.' })
    expect((await broken.loss(weights, { x, y }, 5).loss.data())[0]).toBe(Number.POSITIVE_INFINITY)
    expect(await valuesOf(weights)).not.toEqual(
      await valuesOf(await loadWeights(join(folder, 'last.safetensors'), task.parameters, { prefix: 'weights.' })),
    )
  })

  it('stops at a gradient that is not finite, before it reaches the weights', async () => {
    const root: typeof task = {
      ...task,
      // The square root has slope infinity at zero, its value is finite.
      loss: (weights, batch) => ({
        loss: tf.sqrt(tf.mul(0, task.loss(weights, batch, 0).loss)) as tf.Scalar,
        parts: {},
      }),
    }
    await expect(train(root, options(4), run(folder))).rejects.toThrow(/the gradient norm of step 0 is NaN/)
  })
})
