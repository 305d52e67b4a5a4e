import * as tf from '@tensorflow/tfjs'
import type { Weights } from '../models/module.ts'
import type { Score } from './checkpoint.ts'
import type { TrainingTask } from './task.ts'

/**
 * How good a checkpoint is. With a validation task: the mean loss of the averaged weights over the same few batches, with
 * the same noise, every time. Without: the mean training loss of all steps since the checkpoint before.
 */
export class Scorer<Batch extends tf.TensorContainer> {
  private sum = 0
  private count = 0

  constructor(
    private readonly validation: TrainingTask<Batch> | undefined,
    private readonly batches: number,
  ) {}

  /** The training loss of a step. */
  add(loss: number): void {
    this.sum += loss
    this.count++
  }

  /** @param weights the averaged ones */
  async score(weights: Weights): Promise<Score> {
    if (this.validation) return { loss: await this.validationLoss(this.validation, weights), over: 'validation' }
    const loss = this.sum / this.count
    ;[this.sum, this.count] = [0, 0]
    return { loss, over: 'training' }
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
