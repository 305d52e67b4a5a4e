import * as tf from '@tensorflow/tfjs'
import type { Shapes, Weights } from '../models/module.ts'
import { runtimeShape } from '../weights/layout.ts'

/**
 * All weights of a model as one vector, in which an optimizer step is a dozen operations instead of a dozen per
 * parameter: on small models the cost of a step is the number of operations.
 */
export class WeightVector {
  readonly names: readonly string[]
  private readonly shapes: readonly number[][]
  private readonly sizes: number[]

  constructor(parameters: Shapes) {
    this.names = Object.keys(parameters)
    this.shapes = this.names.map(name => runtimeShape(parameters[name]!))
    this.sizes = this.shapes.map(shape => shape.reduce((a, b) => a * b, 1))
  }

  get length(): number {
    return this.sizes.reduce((a, b) => a + b, 0)
  }

  /** Weights by name -> one vector [length]. */
  join(weights: Weights): tf.Tensor1D {
    return tf.tidy(() => tf.concat1d(this.names.map(name => tf.reshape(weights[name]!, [-1]) as tf.Tensor1D)))
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

  /** The values of each part of the network, named by what its parameters' names begin with: 'encoder', 'decoder'. */
  async groups(vector: tf.Tensor1D): Promise<Map<string, Float32Array[]>> {
    const values = (await vector.data()) as Float32Array
    const groups = new Map<string, Float32Array[]>()
    let start = 0
    for (const [i, name] of this.names.entries()) {
      const end = start + this.sizes[i]!
      const group = name.split('.')[0]!
      groups.set(group, [...(groups.get(group) ?? []), values.subarray(start, end)])
      start = end
    }
    return groups
  }
}
