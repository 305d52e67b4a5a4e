import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { makeFolder } from '../atomic.ts'
import { UserError } from '../errors.ts'
import type { Weights } from '../models/module.ts'
import { writeGrid } from '../report/grid.ts'
import { type AdamWOptions, type AdamWState, adamWStart, adamWStep, average, learningRate } from './adamw.ts'
import { disposeState, loadCheckpoint, saveCheckpoint } from './checkpoint.ts'
import { initialise } from './initialise.ts'
import type { TrainingTask } from './task.ts'
import { WeightVector } from './vector.ts'

export interface LoopOptions {
  readonly seed: number
  readonly steps: number
  readonly learningRate: { readonly peak: number; readonly final: number; readonly warmup: number }
  readonly optimizer: AdamWOptions
  readonly averageDecay: number
  /** All three in steps; each is done after the last step too. */
  readonly logEvery: number
  readonly checkpointEvery: number
  readonly demoEvery: number
}

/** What is told of a step. */
export interface StepReport {
  /** Steps taken, this one included. */
  readonly step: number
  readonly loss: number
  readonly parts: Readonly<Record<string, number>>
  readonly learningRate: number
  readonly gradientNorm: number
  readonly secondsPerStep: number
}

/**
 * Trains `task` in `folder`, going on from `folder/last.safetensors` when it is there.
 * @param config written into every checkpoint
 * @param onReport told of every `logEvery`-th step; the same goes to `folder/log.jsonl`
 * @returns the averaged weights, which the caller disposes of
 * @throws UserError when the loss is no longer finite; the last checkpoint stays
 */
export async function train<Batch extends tf.TensorContainer>(
  task: TrainingTask<Batch>,
  options: LoopOptions,
  folder: string,
  config: unknown,
  onReport: (report: StepReport) => void,
): Promise<Weights> {
  await makeFolder(folder)
  const checkpoint = join(folder, 'last.safetensors')
  const resumed = await loadCheckpoint(checkpoint, task.parameters)
  const start = resumed?.state.weights ?? initialise(task.parameters, options.seed, task.zero)
  const vector = new WeightVector(start)
  const join1d = (weights: Weights) => vector.join(vector.names.map(name => weights[name]!))

  let weights = join1d(start)
  let averaged = join1d(resumed?.state.average ?? start)
  let adam: AdamWState = resumed
    ? { step: resumed.step, first: join1d(resumed.state.first), second: join1d(resumed.state.second) }
    : adamWStart(vector.length)
  if (resumed) disposeState(resumed.state)
  else tf.dispose(Object.values(start))
  const decayMask = vector.decayMask()

  const save = async (step: number) => {
    const state = tf.tidy(() => ({
      weights: vector.split(weights),
      average: vector.split(averaged),
      first: vector.split(adam.first),
      second: vector.split(adam.second),
    }))
    await saveCheckpoint(checkpoint, state, step, config)
    disposeState(state)
  }

  const firstStep = resumed?.step ?? 0
  let since = performance.now()
  let counted = 0
  let next = firstStep < options.steps ? task.batch(firstStep) : undefined
  for (let step = firstStep; step < options.steps; step++) {
    const batch = await next!
    next = step + 1 < options.steps ? task.batch(step + 1) : undefined

    const named = vector.split(weights)
    const { loss, gradient, parts } = gradientOf(task, vector, named, batch, step)
    tf.dispose([batch, Object.values(named)] as tf.TensorContainer)

    const rate = learningRate(step, { ...options.learningRate, total: options.steps })
    const updated = adamWStep(weights, gradient, adam, rate, options.optimizer, decayMask)
    const newAverage = average(averaged, updated.weights, options.averageDecay, step)
    tf.dispose([weights, averaged, adam.first, adam.second, gradient])
    weights = updated.weights
    averaged = newAverage
    adam = updated.state
    counted++

    const done = step + 1
    const lossValue = (await loss.data())[0]!
    if (!Number.isFinite(lossValue)) {
      throw new UserError(
        `the loss of step ${step} is ${lossValue}: lower the learning rate and run again, training goes on from ${checkpoint}`,
      )
    }
    if (done % options.logEvery === 0 || done === options.steps) {
      const report: StepReport = {
        step: done,
        loss: lossValue,
        parts: Object.fromEntries(
          await Promise.all(Object.entries(parts).map(async ([k, v]) => [k, (await v.data())[0]!])),
        ),
        learningRate: rate,
        gradientNorm: (await updated.gradientNorm.data())[0]!,
        secondsPerStep: (performance.now() - since) / 1000 / counted,
      }
      since = performance.now()
      counted = 0
      await appendFile(join(folder, 'log.jsonl'), `${JSON.stringify(report)}\n`)
      onReport(report)
    }
    tf.dispose([loss, updated.gradientNorm, Object.values(parts)] as tf.TensorContainer)
    if (done % options.checkpointEvery === 0 || done === options.steps) await save(done)
    if (task.demo && (done % options.demoEvery === 0 || done === options.steps)) {
      const named = vector.split(averaged)
      for (const [name, grid] of Object.entries(await task.demo(named))) {
        await writeGrid(join(folder, `${name}-${String(done).padStart(6, '0')}.jpg`), grid)
        grid.dispose()
      }
      tf.dispose(Object.values(named))
    }
  }
  const result = vector.split(averaged)
  tf.dispose([weights, averaged, adam.first, adam.second, decayMask])
  return result
}

/**
 * Loss and its gradient as one vector; a parameter that the batch does not reach, as MSI's projections of the scales that
 * its bucket does not read, has gradient zero. Everything else that the loss made is freed.
 */
function gradientOf<Batch extends tf.TensorContainer>(
  task: TrainingTask<Batch>,
  vector: WeightVector,
  weights: Weights,
  batch: Batch,
  step: number,
): { loss: tf.Scalar; gradient: tf.Tensor1D; parts: Record<string, tf.Scalar> } {
  return tf.tidy(() => {
    const parts: Record<string, tf.Scalar> = {}
    const tensors = vector.names.map(name => weights[name]!)
    const f = (): tf.Scalar => {
      const result = task.loss(weights, batch, step)
      for (const [name, part] of Object.entries(result.parts)) parts[name] = tf.keep(part.clone())
      return result.loss
    }
    // tf.valueAndGrads refuses a function that does not reach all of its arguments.
    const { value, grads } = tf.engine().gradients(f, tensors) as { value: tf.Scalar; grads: (tf.Tensor | undefined)[] }
    const gradient = vector.join(grads.map((gradient, i) => gradient ?? tf.zerosLike(tensors[i]!)))
    return { loss: value, gradient, parts }
  })
}
