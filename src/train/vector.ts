import * as tf from '@tensorflow/tfjs'
import type { Weights } from '../models/module.ts'

/**
 * All weights of a model as one vector, in which an optimizer step is a dozen operations instead of a dozen per
 * parameter: on small models the cost of a step is the number of operations.
 */
export class WeightVector {
  readonly names: readonly string[]
  private readonly shapes: readonly number[][]
  private readonly sizes: number[]

  constructor(weights: Weights) {
    this.names = Object.keys(weights)
    this.shapes = this.names.map(name => weights[name]!.shape)
    this.sizes = this.shapes.map(shape => shape.reduce((a, b) => a * b, 1))
  }

  get length(): number {
    return this.sizes.reduce((a, b) => a + b, 0)
  }

  /** Tensors in the order of `names` -> one vector [length]. */
  join(tensors: readonly tf.Tensor[]): tf.Tensor1D {
    return tf.tidy(() => tf.concat1d(tensors.map(tensor => tf.reshape(tensor, [-1]) as tf.Tensor1D)))
  }

  /** One vector [length] -> weights by name. */
  split(vector: tf.Tensor1D): Weights {
    return tf.tidy(() => {
      const parts = tf.split(vector, this.sizes)
      return Object.fromEntries(this.names.map((name, i) => [name, tf.reshape(parts[i]!, this.shapes[i]!)]))
    })
  }

  /** One vector [length] that is 1 where the parameter has two dimensions or more: those that weight decay applies to. */
  decayMask(): tf.Tensor1D {
    return tf.tidy(() =>
      tf.concat1d(this.shapes.map((shape, i) => tf.fill([this.sizes[i]!], shape.length > 1 ? 1 : 0) as tf.Tensor1D)),
    )
  }
}
