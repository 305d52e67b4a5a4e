import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { UserError } from '../util/errors.ts'
import { toCheckpoint } from '../weights/layout.ts'
import { writeSafetensors } from '../weights/write-safetensors.ts'
import { stepName } from './keep.ts'
import type { RunState } from './state.ts'
import type { WeightVector } from './vector.ts'

/** What a step was computed from. */
export interface StepInputs {
  readonly step: number
  readonly batches: readonly tf.TensorContainer[]
  readonly state: RunState
  readonly vector: WeightVector
}

/**
 * Stops a run whose numbers are no longer finite, with all that it takes to compute the step again in
 * `failed-step-STEP.safetensors`: weights before it as `weights.NAME`, batches as `batch.0.NAME`, step and config.
 * @throws UserError that names the first number that is not finite, and the file
 */
export async function checkFinite(
  numbers: Readonly<Record<string, number>>,
  { folder, config }: { readonly folder: string; readonly config: unknown },
  { step, batches, state, vector }: StepInputs,
): Promise<void> {
  const wrong = Object.entries(numbers).find(([, value]) => !Number.isFinite(value))
  if (!wrong) return
  const path = join(folder, `failed-step-${stepName(step)}.safetensors`)
  const tensors = new Map<string, { shape: readonly number[]; data: Float32Array }>()
  for (const [name, tensor] of Object.entries(vector.split(state.weights)))
    tensors.set(`weights.${name}`, toCheckpoint(tensor.shape, (await tensor.data()) as Float32Array))
  for (const [name, tensor] of tensorsOf('batch', batches))
    tensors.set(name, { shape: tensor.shape, data: Float32Array.from(await tensor.data()) })
  await writeSafetensors(path, tensors, { step: String(step), config: JSON.stringify(config) })
  throw new UserError(
    `the ${wrong[0]} of step ${step} is ${wrong[1]} (its batch and weights: ${path}): lower the learning rate and run again, training goes on from the last checkpoint`,
  )
}

/** The tensors of a container by path: 'batch.0.latents'. */
function tensorsOf(name: string, container: unknown): [string, tf.Tensor][] {
  if (container instanceof tf.Tensor) return [[name, container]]
  if (typeof container !== 'object' || container === null) return []
  return Object.entries(container).flatMap(([key, inner]) => tensorsOf(`${name}.${key}`, inner))
}
