import type * as tf from '@tensorflow/tfjs'
import type { Shapes, Weights } from '../models/module.ts'

/**
 * Something that the training loop can train: a few pure functions. Batches and random numbers are functions of the step,
 * so that a resumed run goes on as if it had never stopped.
 */
export interface TrainingTask<Batch extends tf.TensorContainer = tf.TensorContainer> {
  readonly name: string
  /** What is trained, as in the checkpoint. */
  readonly parameters: Shapes
  /** Names of parameters that start at zero. */
  readonly zero?: RegExp
  /** What parameters start from, instead of random numbers: all or some of them. */
  readonly start?: Weights
  /** The batch of a step, as tensors that the loop disposes of. */
  batch(step: number): Promise<Batch>
  /** Loss of the batch, and its parts by name for the log. */
  loss(weights: Weights, batch: Batch, step: number): { loss: tf.Scalar; parts: Readonly<Record<string, tf.Scalar>> }
  /** Pictures that show how far training is, written at every demo: name -> [rows, columns, size, size, 3] in [-1, 1]. */
  demo?(weights: Weights): Promise<Readonly<Record<string, tf.Tensor5D>>>
}
