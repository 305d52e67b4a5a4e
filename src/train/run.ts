/** A training run from its config: opens the data, builds the task, trains it. */
import { basename, join, resolve } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import type { ModelConfig } from '../config/model.ts'
import type { TrainConfig } from '../config/train.ts'
import { FaceStore } from '../data/face-store.ts'
import { latentDiffusion } from '../models/latent-diffusion.ts'
import type { Weights } from '../models/module.ts'
import { networkChecksum } from '../pipeline/model-weights.ts'
import { openTrackers } from '../tracking/open.ts'
import { withLock } from '../util/lock.ts'
import { flatten } from '../yaml/merge.ts'
import { baseChecksums, type RunPaths } from './bases.ts'
import { checkpointToResume } from './keep.ts'
import { type StepReport, train } from './loop.ts'
import { checkOtherPeople } from './people.ts'
import { changes, checkResume, type ResolvedConfig, threadsChange, threadsOf } from './resume.ts'
import type { BuiltTask } from './tasks/definition.ts'
import { taskOf } from './tasks/index.ts'

export interface RunEvents {
  /** Frozen networks being run over all faces, before the first step. */
  readonly onPrepare: (done: number, total: number) => void
  /** The first step is about to be taken, `step` having been taken before. */
  readonly onStart?: (step: number) => void
  readonly onReport: (report: StepReport) => void
  /** Something that the user should know, and that does not stop the run. */
  readonly onNote?: (text: string) => void
}

export interface RunOptions {
  /** A checkpoint to resume from instead of the last in the run's folder. */
  readonly resumeFrom?: string | undefined
  /** Resume from a checkpoint of another config and report the differences. */
  readonly allowChanges?: boolean
  /** Aborted: the run stops after its step, with a checkpoint. */
  readonly signal?: AbortSignal
}

/**
 * Trains what `config` says; an interrupted run resumes from its last checkpoint.
 * @param config with the backend and precision in use, not 'auto'
 * @throws UserError when faces, earlier runs, the scale of the latents or the variant of trained MSI do not fit the model, people
 *   are both trained and validated on, or the run in the folder was begun with another config or is under way in another process
 */
export async function runTraining(
  config: TrainConfig,
  base: ModelConfig,
  paths: RunPaths,
  events: RunEvents,
  options: RunOptions = {},
): Promise<void> {
  await withLock(join(paths.out, '.lock'), `training in ${paths.out}`, () =>
    trainAlone(config, base, paths, events, options),
  )
}

async function trainAlone(
  config: TrainConfig,
  base: ModelConfig,
  paths: RunPaths,
  events: RunEvents,
  { resumeFrom, allowChanges = false, signal }: RunOptions,
): Promise<void> {
  const definition = taskOf(config)
  const model = definition.modelFor?.(config, base) ?? base
  if (paths.validate) await checkOtherPeople(paths.faces, paths.validate, definition.subject?.(config) ?? 'everybody')
  const networks = latentDiffusion(model)
  const { onPrepare, onStart, onReport, onNote = () => {} } = events
  const tracker = openTrackers(config.tracking, paths.out, onNote)
  const faces = await FaceStore.openFor(model, paths.faces)
  const others = paths.validate ? await FaceStore.openFor(model, paths.validate) : undefined
  const setup = { config, model, networks, faces, paths, onPrepare }
  const built: BuiltTask[] = []
  const build = async (config: TrainConfig, faces: FaceStore) => {
    built.push(await definition.build({ ...setup, config, faces }))
    return built.at(-1)!.task
  }
  let start: Weights = {}
  try {
    const data: Record<string, string> = {
      faces: faces.checksum,
      ...(await baseChecksums(definition.bases(config), model, paths)),
    }
    for (const network of definition.startsIn?.(config) ?? []) data[network] = await networkChecksum(model, network)
    const resolved: ResolvedConfig = { train: config, model, data }
    // Before the frozen networks run over all faces, which can take hours.
    const before = (await checkpointToResume(paths.out, resumeFrom))?.note
    if (before && !allowChanges) checkResume(before.config, resolved)
    if (before) for (const change of changes(before.config, resolved)) onNote(`resumes with another ${change}`)
    const threads = threadsOf(config.backend)
    const otherThreads = threadsChange(before?.threads, threads)
    if (otherThreads) onNote(otherThreads)
    const task = await build(config, faces)
    if (config.startFrom === 'trained') start = await definition.trainedWeights(setup)
    const weights = await train({ ...task, start: { ...start, ...task.start } }, config, {
      folder: paths.out,
      resumeFrom,
      config: resolved,
      threads,
      description: {
        name: basename(resolve(paths.out)),
        params: flatten(config),
        tags: { task: config.task, model: model.name, backend: config.backend },
        compared: ['loss', 'validationLoss'],
      },
      tracker,
      validation: others && (await build(definition.forValidation(config), others)),
      onStart,
      onReport,
      signal,
    })
    tf.dispose(Object.values(weights))
  } finally {
    tf.dispose(Object.values(start))
    for (const { close } of built) await close()
    await faces.close()
    await others?.close()
  }
}
