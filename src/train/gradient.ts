import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { freeing } from '../backend/freeing.ts'
import type { Weights } from '../models/module.ts'
import { UserError } from '../util/errors.ts'
import { toCheckpoint } from '../weights/layout.ts'
import { writeSafetensors } from '../weights/write-safetensors.ts'
import { stepName } from './keep.ts'
import type { RunState, WeightVector } from './state.ts'
import type { TrainingTask } from './task.ts'

export interface LossAndGradient {
  readonly loss: tf.Scalar
  readonly parts: Readonly<Record<string, tf.Scalar>>
  /** [length] of the vector. */
  readonly gradient: tf.Tensor1D
}

/**
 * Loss, its parts and its gradient, each the mean over batches, whose activations are in memory one after another:
 * the gradient of n batches of b is that of one batch of n b, for losses that are means.
 * @param first number of the first batch, from which the task draws its random numbers
 */
export function meanGradient<Batch extends tf.TensorContainer>(
  task: TrainingTask<Batch>,
  vector: WeightVector,
  weights: Weights,
  batches: readonly Batch[],
  first: number,
): LossAndGradient {
  return tf.tidy(() => {
    const mean = <T extends tf.Tensor>(sum: T) => (batches.length > 1 ? tf.mul(sum, 1 / batches.length) : sum) as T
    let sum: LossAndGradient | undefined
    for (const [i, batch] of batches.entries()) {
      const one = gradientOf(task, vector, weights, batch, first + i)
      const before = sum
      sum = before ? add(before, one) : one
      if (before) dispose([before, one])
    }
    if (!sum) throw new Error('meanGradient: no batches')
    const parts = Object.fromEntries(Object.entries(sum.parts).map(([name, part]) => [name, mean(part)]))
    return { loss: mean(sum.loss), gradient: mean(sum.gradient), parts }
  })
}

/**
 * Of one batch. A parameter that the batch does not reach, as MSI's projections of the scales that its bucket does not
 * read, has gradient zero. Everything else that the loss made is freed.
 */
function gradientOf<Batch extends tf.TensorContainer>(
  task: TrainingTask<Batch>,
  vector: WeightVector,
  weights: Weights,
  batch: Batch,
  number: number,
): LossAndGradient {
  const kept: Record<string, tf.Scalar> = {}
  const result = tf.tidy(() => {
    const tensors = vector.names.map(name => weights[name]!)
    const f = freeing((): tf.Scalar => {
      const { loss, parts } = task.loss(weights, batch, number)
      for (const [name, part] of Object.entries(parts)) kept[name] = tf.keep(part.clone())
      return loss
    })
    // tf.valueAndGrads refuses a function that does not reach all of its arguments.
    const { value, grads } = tf.engine().gradients(f, tensors) as { value: tf.Scalar; grads: (tf.Tensor | undefined)[] }
    const named = vector.names.map((name, i) => [name, grads[i] ?? tf.zerosLike(tensors[i]!)] as const)
    return { loss: value, gradient: vector.join(Object.fromEntries(named)) }
  })
  const parts = Object.fromEntries(Object.entries(kept).map(([name, part]) => [name, part.clone()]))
  tf.dispose(Object.values(kept))
  return { ...result, parts }
}

function add(a: LossAndGradient, b: LossAndGradient): LossAndGradient {
  return {
    loss: tf.add(a.loss, b.loss),
    gradient: tf.add(a.gradient, b.gradient),
    parts: Object.fromEntries(Object.entries(a.parts).map(([name, part]) => [name, tf.add(part, b.parts[name]!)])),
  }
}

function dispose(sums: readonly LossAndGradient[]): void {
  for (const { loss, gradient, parts } of sums) tf.dispose([loss, gradient, ...Object.values(parts)])
}

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
    `the ${wrong[0]} of step ${step} is ${wrong[1]} (its batch and weights: ${path}): lower the learning rate and run again, training resumes from the last checkpoint`,
  )
}

/** The tensors of a container by path: 'batch.0.latents'. */
function tensorsOf(name: string, container: unknown): [string, tf.Tensor][] {
  if (container instanceof tf.Tensor) return [[name, container]]
  if (typeof container !== 'object' || container === null) return []
  return Object.entries(container).flatMap(([key, inner]) => tensorsOf(`${name}.${key}`, inner))
}
