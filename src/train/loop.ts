/** Trains a task: step after step, watched, kept in checkpoints, and going on from the last one where there is one. */
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import * as tf from '@tensorflow/tfjs'
import { stringify } from 'yaml'
import { gridImage } from '../images/image.ts'
import type { Weights } from '../models/module.ts'
import type { RunDescription, Tracker } from '../tracking/tracker.ts'
import { makeFolder, removeUnfinished, writeFileAtomic } from '../util/atomic-write.ts'
import { type AdamWOptions, learningRate } from './adamw.ts'
import { prefetch } from './batches.ts'
import { type CheckpointNote, disposeState, loadCheckpoint } from './checkpoint.ts'
import { checkFinite, meanGradient } from './gradient.ts'
import { checkpointToResume, keepCheckpoint } from './keep.ts'
import { advance, disposeRun, initialState, namedState, type RunState, restoredState, WeightVector } from './state.ts'
import type { TrainingTask } from './task.ts'
import { Scorer } from './task.ts'

export interface LoopOptions {
  readonly seed: number
  readonly steps: number
  /** Batches whose gradients are averaged for one step. */
  readonly accumulate: number
  readonly learningRate: { readonly peak: number; readonly final: number; readonly warmup: number }
  readonly optimizer: AdamWOptions
  readonly averageDecay: number
  /** All three in steps; each is done after the last step too. */
  readonly logEvery: number
  readonly checkpointEvery: number
  readonly demoEvery: number
  /** Number of checkpoints to keep, including the last one but not the best one. */
  readonly keepCheckpoints: number
  readonly validationBatches: number
}

/** The report of a training step. */
export interface StepReport {
  /** Steps taken, this one included. */
  readonly step: number
  readonly loss: number
  readonly parts: Readonly<Record<string, number>>
  readonly learningRate: number
  readonly gradientNorm: number
  readonly secondsPerStep: number
  /** Share of the time in which batches were waited for, the turn between two steps included, in which they are made. */
  readonly waiting: number
}

/** Where a run is and who watches it. */
export interface Run<Batch extends tf.TensorContainer> {
  /** Of checkpoints. */
  readonly folder: string
  /** Written into every checkpoint: a tree of plain values. */
  readonly config: unknown
  /** Written there too: threads that compute, where their number decides bits. */
  readonly threads?: string
  readonly description: Omit<RunDescription, 'step'>
  readonly tracker: Tracker
  /** The checkpoint to resume from, if not the folder's last. */
  readonly resumeFrom?: string | undefined
  /** The same task over data that is not trained on. */
  readonly validation?: TrainingTask<Batch>
  /** Told where the run begins, and of every `logEvery`-th step. */
  readonly onStart?: (step: number) => void
  readonly onReport?: (report: StepReport) => void
  /** Aborted: the run stops after its step, with a checkpoint. */
  readonly signal?: AbortSignal
}

/**
 * Trains `task` in `run.folder`, going on from its last checkpoint when there is one: the weights after N steps are
 * bit for bit those of a run that was never interrupted, on the same backend with as many threads.
 * @returns the averaged weights, which the caller disposes of
 * @throws UserError when loss or gradient is no longer finite; the last checkpoint stays
 */
export async function train<Batch extends tf.TensorContainer>(
  task: TrainingTask<Batch>,
  options: LoopOptions,
  run: Run<Batch>,
): Promise<Weights> {
  await makeFolder(run.folder)
  await removeUnfinished(run.folder)
  const vector = new WeightVector(task.parameters)
  const resumed = await checkpointToResume(run.folder, run.resumeFrom)
  const note = resumed?.note
  let state = await begin(task, options, vector, resumed)
  await run.tracker.start({ ...run.description, step: state.adam.step })
  const config = stringify(run.config)
  await writeFileAtomic(join(run.folder, 'config.yaml'), config)
  run.tracker.text(state.adam.step, 'config', `\`\`\`yaml\n${config}\`\`\``)
  run.tracker.artifact(join(run.folder, 'config.yaml'))
  run.onStart?.(state.adam.step)
  try {
    const scorer = new Scorer(run.validation, options.validationBatches, note?.unscored)
    state = await takeSteps(task, options, run, { vector, scorer }, state)
  } catch (error) {
    await run.tracker.finish('failed')
    throw error
  }
  await run.tracker.finish(state.adam.step < options.steps ? 'interrupted' : 'finished')
  const averaged = vector.split(state.average)
  disposeRun(state)
  return averaged
}

/** The state that a run starts or resumes from. */
async function begin<Batch extends tf.TensorContainer>(
  task: TrainingTask<Batch>,
  { seed }: LoopOptions,
  vector: WeightVector,
  resumed: { readonly path: string; readonly note: CheckpointNote } | undefined,
): Promise<RunState> {
  if (!resumed) return initialState(task, vector, seed)
  return restoredState(await loadCheckpoint(resumed.path, task.parameters), resumed.note.step, vector)
}

/** What a run splits its weights by, and rates its checkpoints with. */
interface Instruments<Batch extends tf.TensorContainer> {
  readonly vector: WeightVector
  readonly scorer: Scorer<Batch>
}

/** Takes all steps that are left; disposes of the state that it is given. */
async function takeSteps<Batch extends tf.TensorContainer>(
  task: TrainingTask<Batch>,
  options: LoopOptions,
  run: Run<Batch>,
  { vector, scorer }: Instruments<Batch>,
  begun: RunState,
): Promise<RunState> {
  const { steps, accumulate, logEvery, checkpointEvery, demoEvery } = options
  const first = begun.adam.step
  const decayMask = vector.decayMask()
  const batches = prefetch(
    index => task.batch(index),
    first * accumulate,
    steps * accumulate,
    accumulate,
    batch => tf.dispose(batch),
  )
  const clock = new Clock()
  let state = begun
  let isStopped = false
  try {
    for (let step = first; step < steps && !isStopped; step++) {
      const taken: Batch[] = []
      await clock.waits(async () => {
        while (taken.length < accumulate) taken.push((await batches.next()).value as Batch)
      })

      const named = vector.split(state.weights)
      const { loss, parts, gradient } = meanGradient(task, vector, named, taken, step * accumulate)
      const rate = learningRate(step, { ...options.learningRate, total: steps })
      const next = advance(state, gradient, rate, options, decayMask)
      tf.dispose([...Object.values(named), gradient])
      const [lossValue, gradientNorm] = [(await loss.data())[0]!, (await next.gradientNorm.data())[0]!]
      await checkFinite({ loss: lossValue, 'gradient norm': gradientNorm }, run, {
        batches: taken,
        state,
        step,
        vector,
      })
      disposeRun(state)
      tf.dispose([loss, next.gradientNorm, taken] as tf.TensorContainer)
      state = next.state
      scorer.add(lossValue)
      clock.step()

      const done = step + 1
      const isDue = (every: number) => done % every === 0 || done === steps
      if (isDue(logEvery)) {
        const report = { step: done, loss: lossValue, parts: await numbers(parts), learningRate: rate, gradientNorm }
        tell({ ...report, ...clock.read() }, run)
      }
      tf.dispose(Object.values(parts))
      isStopped = run.signal?.aborted === true
      if (isDue(checkpointEvery) || isStopped)
        await save(state, options, run, { vector, scorer }, isDue(checkpointEvery))
      if (isDue(demoEvery)) await show(task, state, run.tracker, vector)
      // Backends that compute at once would never let timers, signals and the network have their turn. What is read for
      // batches arrives then, and their tensors are made of it on this thread.
      await clock.waits(() => setImmediate())
    }
    return state
  } finally {
    decayMask.dispose()
    await batches.return()
  }
}

/** Seconds a step and the share of them spent waiting, since the last reading. */
class Clock {
  private since = performance.now()
  private steps = 0
  private waiting = 0
  step(): void {
    this.steps++
  }
  /** Counts the time that `wait` takes as waiting. */
  async waits(wait: () => Promise<void>): Promise<void> {
    const begun = performance.now()
    await wait()
    this.waiting += performance.now() - begun
  }
  read(): Pick<StepReport, 'secondsPerStep' | 'waiting'> {
    const passed = performance.now() - this.since
    const reading = { secondsPerStep: passed / 1000 / this.steps, waiting: this.waiting / passed }
    ;[this.since, this.steps, this.waiting] = [performance.now(), 0, 0]
    return reading
  }
}

async function numbers(scalars: Readonly<Record<string, tf.Scalar>>): Promise<Record<string, number>> {
  const values = Object.entries(scalars).map(async ([name, scalar]) => [name, (await scalar.data())[0]!] as const)
  return Object.fromEntries(await Promise.all(values))
}

function tell<Batch extends tf.TensorContainer>(report: StepReport, { tracker, onReport }: Run<Batch>): void {
  const { step, parts, ...values } = report
  const named = Object.entries(parts).map(([name, value]) => [`loss/${name}`, value])
  tracker.scalars(step, { ...values, ...Object.fromEntries(named) })
  onReport?.(report)
}

/** @param isScored false for a checkpoint off the schedule, which a run that was never interrupted does not have */
async function save<Batch extends tf.TensorContainer>(
  state: RunState,
  { keepCheckpoints }: LoopOptions,
  { folder, config, threads, tracker }: Run<Batch>,
  { vector, scorer }: Instruments<Batch>,
  isScored: boolean,
): Promise<void> {
  const { step } = state.adam
  const named = namedState(state, vector)
  const scored = isScored ? { score: await scorer.score(named.average) } : { unscored: scorer.unscored }
  const { score } = scored
  if (score?.over === 'validation') tracker.scalars(step, { validationLoss: score.loss })
  await keepCheckpoint(folder, named, { step, config, threads, ...scored }, keepCheckpoints)
  disposeState(named)
}

/** Pictures made with the averaged weights, and how the weights are distributed. */
async function show<Batch extends tf.TensorContainer>(
  task: TrainingTask<Batch>,
  state: RunState,
  tracker: Tracker,
  vector: WeightVector,
): Promise<void> {
  const { step } = state.adam
  for (const [group, values] of await vector.groups(state.weights)) tracker.histogram(step, `weights/${group}`, values)
  if (!task.demo) return
  const named = vector.split(state.average)
  for (const [name, grid] of Object.entries(await task.demo(named))) {
    tracker.image(step, name, await gridImage(grid))
    grid.dispose()
  }
  tf.dispose(Object.values(named))
}
