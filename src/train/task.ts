import * as tf from '@tensorflow/tfjs'
import type { Shapes, Weights } from '../models/module.ts'
import type { LossSum, Score } from './checkpoint.ts'

/**
 * Something that the training loop can train: a few pure functions. Batches and random numbers are functions of the step,
 * so that a resumed run continues as if it had never stopped.
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

const none: LossSum = { sum: 0, count: 0 }

/**
 * How good a checkpoint is. With a validation task: the mean loss of the averaged weights over the same few batches, with
 * the same noise, every time. Without: the mean training loss of all steps since the score before.
 */
export class Scorer<Batch extends tf.TensorContainer> {
  /** @param losses of the steps since the previous score, when resuming from a checkpoint without one */
  constructor(
    private readonly validation: TrainingTask<Batch> | undefined,
    private readonly batches: number,
    private losses: LossSum = none,
  ) {}

  /** The training loss of a step. */
  add(loss: number): void {
    this.losses = { sum: this.losses.sum + loss, count: this.losses.count + 1 }
  }

  /** Training losses of the steps since the score before. */
  get unscored(): LossSum {
    return this.losses
  }

  /** @param weights the averaged ones */
  async score(weights: Weights): Promise<Score> {
    const { sum, count } = this.losses
    this.losses = none
    if (this.validation) return { loss: await this.validationLoss(this.validation, weights), over: 'validation' }
    return { loss: sum / count, over: 'training' }
  }

  private async validationLoss(task: TrainingTask<Batch>, weights: Weights): Promise<number> {
    let sum = 0
    for (let number = 0; number < this.batches; number++) {
      const batch = await task.batch(number)
      const loss = tf.tidy(() => task.loss(weights, batch, number).loss)
      sum += (await loss.data())[0]!
      tf.dispose([loss, batch] as tf.TensorContainer)
    }
    return sum / this.batches
  }
}
