/**
 * A training run's state in one safetensors file: weights, their average, the optimizer's moments, step and resolved
 * config, which holds the seed that all random streams are keyed by. It is written whole or not at all, and the same run
 * resumes from it bit for bit.
 */
import { existsSync } from 'node:fs'
import * as tf from '@tensorflow/tfjs'
import type { Shapes, Weights } from '../models/module.ts'
import { UserError } from '../util/errors.ts'
import { loadWeights } from '../weights/load.ts'
import { withTensorFile } from '../weights/open.ts'
import { saveWeights } from '../weights/write-safetensors.ts'

const roles = ['weights', 'average', 'first', 'second'] as const

/** The four sets of tensors that a run consists of, each by parameter name. */
export type TrainingState = Readonly<Record<(typeof roles)[number], Weights>>

/** How good the averaged weights of a checkpoint are: a loss, lower is better, over validation or training batches. */
export interface Score {
  readonly loss: number
  readonly over: 'validation' | 'training'
}

/** Training losses of some steps. */
export interface LossSum {
  readonly sum: number
  readonly count: number
}

/** What a checkpoint says of itself. */
export interface CheckpointNote {
  /** Steps taken. */
  readonly step: number
  /** The resolved config, a tree of plain values. */
  readonly config: unknown
  readonly score?: Score
  /** Losses of the steps since the previous score, in a checkpoint off the schedule, which has no score. */
  readonly unscored?: LossSum
  /** Threads that computed it, as `threadsOf` says it. */
  readonly threads?: string
}

/**
 * Writes a run's state, whole or not at all; the tensors stay the caller's.
 * @throws UserError when the file cannot be written
 */
export async function saveCheckpoint(
  path: string,
  state: TrainingState,
  { step, config, score, unscored, threads }: CheckpointNote,
): Promise<void> {
  const tensors = Object.fromEntries(
    roles.flatMap(role => Object.entries(state[role]).map(([name, tensor]) => [`${role}.${name}`, tensor])),
  )
  await saveWeights(path, tensors, {
    step: String(step),
    config: JSON.stringify(config),
    ...(score && { score: JSON.stringify(score) }),
    ...(unscored && { unscored: JSON.stringify(unscored) }),
    ...(threads !== undefined && { threads }),
  })
}

/**
 * What the checkpoint in `path` says of itself, or undefined when there is no such file.
 * @throws UserError when it is no checkpoint
 */
export async function readNote(path: string): Promise<CheckpointNote | undefined> {
  if (!existsSync(path)) return undefined
  const metadata = await withTensorFile(path, file => file.metadata)
  const step = Number(metadata.step ?? Number.NaN)
  if (!Number.isInteger(step))
    throw new UserError(`${path}: expected a training checkpoint, found no step in it: choose another folder`)
  const parsed = (text: string) => {
    try {
      return JSON.parse(text)
    } catch {
      throw new UserError(
        `${path}: its metadata is no JSON, so that it is damaged: restore it or choose another folder`,
      )
    }
  }
  return {
    step,
    config: parsed(metadata.config ?? '{}'),
    ...(metadata.score !== undefined && { score: parsed(metadata.score) }),
    ...(metadata.unscored !== undefined && { unscored: parsed(metadata.unscored) }),
    ...(metadata.threads !== undefined && { threads: metadata.threads }),
  }
}

/**
 * The state in `path`.
 * @throws UserError when it is not the checkpoint of a run that trains these parameters
 */
export async function loadCheckpoint(path: string, parameters: Shapes): Promise<TrainingState> {
  const state: Record<string, Weights> = {}
  for (const role of roles) state[role] = await loadWeights(path, parameters, { prefix: `${role}.` })
  return state as TrainingState
}

/** The averaged weights of a checkpoint: what a finished run hands on. */
export async function loadAverage(path: string, parameters: Shapes): Promise<Weights> {
  return loadWeights(path, parameters, { prefix: 'average.' })
}

/** Disposes of all tensors of a state. */
export function disposeState(state: TrainingState): void {
  for (const role of roles) tf.dispose(Object.values(state[role]))
}
