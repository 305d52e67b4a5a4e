/**
 * A training run's state in one safetensors file: weights, their average, the optimizer's moments, step and resolved
 * config. It is written whole or not at all, and the same run goes on from it bit for bit.
 */
import { existsSync } from 'node:fs'
import * as tf from '@tensorflow/tfjs'
import { UserError } from '../errors.ts'
import type { Shapes, Weights } from '../models/module.ts'
import { loadWeights, saveWeights } from '../weights/load.ts'
import { readSafetensorsHeader } from '../weights/safetensors.ts'

const roles = ['weights', 'average', 'first', 'second'] as const

/** The four sets of tensors that a run consists of, each by parameter name. */
export type TrainingState = Readonly<Record<(typeof roles)[number], Weights>>

/**
 * Writes a run's state, whole or not at all; the tensors stay the caller's.
 * @param step how many steps have been taken
 * @param config kept in the file's metadata
 * @throws UserError when the file cannot be written
 */
export async function saveCheckpoint(path: string, state: TrainingState, step: number, config: unknown): Promise<void> {
  const tensors = Object.fromEntries(
    roles.flatMap(role => Object.entries(state[role]).map(([name, tensor]) => [`${role}.${name}`, tensor])),
  )
  await saveWeights(path, tensors, { step: String(step), config: JSON.stringify(config) })
}

/**
 * The state in `path`, or undefined when there is no such file yet.
 * @throws UserError when it is not the checkpoint of a run that trains these parameters
 */
export async function loadCheckpoint(
  path: string,
  parameters: Shapes,
): Promise<{ state: TrainingState; step: number } | undefined> {
  if (!existsSync(path)) return undefined
  const { metadata } = await readSafetensorsHeader(path)
  const step = Number(metadata.step)
  if (!Number.isInteger(step))
    throw new UserError(`${path}: expected a training checkpoint, found no step in it: choose another folder`)
  const state: Record<string, Weights> = {}
  for (const role of roles) state[role] = await loadWeights(path, parameters, { prefix: `${role}.` })
  return { state: state as TrainingState, step }
}

/** The averaged weights of a checkpoint: what a finished run hands on. */
export async function loadAverage(path: string, parameters: Shapes): Promise<Weights> {
  return loadWeights(path, parameters, { prefix: 'average.' })
}

/** Disposes of all tensors of a state. */
export function disposeState(state: TrainingState): void {
  for (const role of roles) tf.dispose(Object.values(state[role]))
}
