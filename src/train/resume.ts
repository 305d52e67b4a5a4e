/** Checks whether a run may resume from a checkpoint: every remaining step must equal that of an uninterrupted run. */

import { availableParallelism } from 'node:os'
import type { ModelConfig } from '../config/model.ts'
import { changeable, type TrainConfig, trainSchema } from '../config/train.ts'
import { UserError } from '../util/errors.ts'
import { isMapping } from '../yaml/merge.ts'
import { differences } from '../yaml/problems.ts'

/** What all of a run follows from: its checkpoints hold it. */
export interface ResolvedConfig {
  /** With the backend and precision that are in use in place of those that were asked for. */
  readonly train: TrainConfig
  readonly model: ModelConfig
  /** What was trained on and built upon, by checksums. */
  readonly data: Readonly<Record<string, string>>
}

const baseKeys = ['imageSize', 'autoencoder', 'scaleFactor', 'unet', 'denoiser', 'text', 'prompt', 'schedule'] as const

/** What each task reads of the model; its other keys may change. */
const modelKeys: Readonly<Record<TrainConfig['task'], readonly (keyof ModelConfig)[]>> = {
  autoencoder: ['imageSize', 'autoencoder'],
  diffusion: baseKeys,
  msi: [...baseKeys, 'features', 'msi'],
  encoder: ['imageSize', 'autoencoder'],
}

/**
 * @param before the config in a checkpoint, perhaps one of an earlier version of this program
 * @throws UserError that names every key in which the two differ, but for those that may
 */
export function checkResume(before: unknown, now: ResolvedConfig): void {
  const found = changes(before, now)
  if (found.length === 0) return
  throw new UserError(
    `the run in this folder was started differently: ${found.join(', ')}: train into another folder, or give --allow-changes to resume anyway`,
  )
}

/** "train.batchSize (16 before, 32 now)" for every key that may not differ. */
export function changes(before: unknown, now: ResolvedConfig): string[] {
  const old = isMapping(before) ? before : {}
  // Keys that came later have their defaults in it.
  const filled = trainSchema.safeParse(old.train)
  const oldTrain: unknown = filled.success ? filled.data : old.train
  const oldBackend = isMapping(oldTrain) ? oldTrain.backend : undefined
  const without = (config: unknown) =>
    withoutKeys(config, oldBackend === 'auto' ? [...changeable, 'backend', 'precision'] : changeable)
  return [
    ...differences(without(oldTrain), without(now.train), ['train']),
    ...differences(only(old.model, modelKeys[now.train.task]), only(now.model, modelKeys[now.train.task]), ['model']),
    ...(old.data === undefined ? [] : differences(old.data, now.data, ['data'])),
  ]
}

function withoutKeys(tree: unknown, keys: readonly string[]): unknown {
  return isMapping(tree) ? Object.fromEntries(Object.entries(tree).filter(([key]) => !keys.includes(key))) : tree
}

function only(tree: unknown, keys: readonly string[]): unknown {
  return isMapping(tree) ? Object.fromEntries(Object.entries(tree).filter(([key]) => keys.includes(key))) : tree
}

// On how many threads a run computes: with another number some sums are made in another order, and differ in their last bits.

/**
 * Threads as a checkpoint has them: '4', or '4, 2 of the compiled kernels' where the environment gives these another number.
 * Undefined where a device computes, or a backend of one thread.
 */
export function threadsOf(backend: TrainConfig['backend']): string | undefined {
  if (backend !== 'tensorflow') return undefined
  const asked = threadsIn('TF_NUM_INTRAOP_THREADS')
  const library = asked ?? availableParallelism()
  const kernels = asked ?? threadsIn('OMP_NUM_THREADS') ?? availableParallelism()
  return library === kernels ? `${library}` : `${library}, ${kernels} of the compiled kernels`
}

/** The warning for a run that resumes with another number of threads than its checkpoint records; undefined without one. */
export function threadsChange(before: string | undefined, now: string | undefined): string | undefined {
  if (before === undefined || now === undefined || before === now) return undefined
  return `resumes with another number of threads (${before} before, ${now} now): bits may differ from those of an uninterrupted run`
}

function threadsIn(variable: string): number | undefined {
  const threads = Number.parseInt(process.env[variable] ?? '', 10)
  return threads > 0 ? threads : undefined
}
