/** A training run in memory: everything that the next step depends on, each set of tensors as one vector. */
import * as tf from '@tensorflow/tfjs'
import type { Shapes, Weights } from '../models/module.ts'
import { RandomStream } from '../util/random.ts'
import { runtimeShape } from '../weights/layout.ts'
import { type AdamWOptions, type AdamWState, adamWStart, adamWStep, average } from './adamw.ts'
import { disposeState, type TrainingState } from './checkpoint.ts'
import type { TrainingTask } from './task.ts'

/**
 * PyTorch's default initial weights in runtime layout: uniform in +-1/sqrt(fan in) for convolutions and linear layers
 * and their biases, one and zero for norms; embeddings are normal of deviation 0.02, as CLIP's, and MSI's of time, by which it
 * multiplies, of 1. Names that match `zero` start at zero, so that a residual branch begins as the identity.
 */
export function initialise(parameters: Shapes, seed: number, zero?: RegExp): Weights {
  const weights: Record<string, tf.Tensor> = {}
  for (const [name, shape] of Object.entries(parameters)) {
    weights[name] = initialTensor(name, shape, parameters, seed, zero)
  }
  return weights
}

function initialTensor(
  name: string,
  shape: readonly number[],
  parameters: Shapes,
  seed: number,
  zero?: RegExp,
): tf.Tensor {
  const layout = runtimeShape(shape)
  if (zero?.test(name)) return tf.zeros(layout)
  const random = new RandomStream(seed, 'initialise', name)
  const count = shape.reduce((a, b) => a * b, 1)
  if (/embed(ding)?\w*\.weight$/.test(name))
    return tf.tensor(
      random.normals(count).map(v => v * (name.startsWith('t_embed') ? 1 : 0.02)),
      layout,
    )
  // A bias follows the fan-in of the weight beside it; a one-dimensional weight, and the bias beside one, is a norm's.
  const owner = parameters[name.replace(/\.bias$/, '.weight')] ?? shape
  if (owner.length === 1) return name.endsWith('.bias') ? tf.zeros(layout) : tf.ones(layout)
  const bound = 1 / Math.sqrt(owner.slice(1).reduce((a, b) => a * b, 1))
  return tf.tensor(
    Float32Array.from({ length: count }, () => (2 * random.uniform() - 1) * bound),
    layout,
  )
}

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

export interface RunState {
  readonly weights: tf.Tensor1D
  readonly average: tf.Tensor1D
  /** Its `step` is the number of steps taken. */
  readonly adam: AdamWState
}

/** A run before its first step. */
export function initialState(
  { parameters, zero, start }: Pick<TrainingTask, 'parameters' | 'zero' | 'start'>,
  vector: WeightVector,
  seed: number,
): RunState {
  const weights = tf.tidy(() => vector.join({ ...initialise(parameters, seed, zero), ...start }))
  return { weights, average: weights.clone(), adam: adamWStart(vector.length) }
}

/** A run after `step` steps, from its checkpoint's tensors, which are disposed of. */
export function restoredState(state: TrainingState, step: number, vector: WeightVector): RunState {
  const restored = {
    weights: vector.join(state.weights),
    average: vector.join(state.average),
    adam: { step, first: vector.join(state.first), second: vector.join(state.second) },
  }
  disposeState(state)
  return restored
}

/** The tensors of a checkpoint; the caller disposes of them. */
export function namedState({ weights, average, adam }: RunState, vector: WeightVector): TrainingState {
  return {
    weights: vector.split(weights),
    average: vector.split(average),
    first: vector.split(adam.first),
    second: vector.split(adam.second),
  }
}

/**
 * The run one step further; the old state stays the caller's.
 * @param gradient [length]
 * @param decayMask [length], 1 where weight decay applies
 */
export function advance(
  state: RunState,
  gradient: tf.Tensor1D,
  learningRate: number,
  { optimizer, averageDecay }: { readonly optimizer: AdamWOptions; readonly averageDecay: number },
  decayMask: tf.Tensor1D,
): { state: RunState; gradientNorm: tf.Scalar } {
  const {
    weights,
    state: adam,
    gradientNorm,
  } = adamWStep(state.weights, gradient, state.adam, { ...optimizer, learningRate, decayMask })
  return {
    state: { weights, average: average(state.average, weights, averageDecay, state.adam.step), adam },
    gradientNorm,
  }
}

/** Disposes of a state's tensors. */
export function disposeRun({ weights, average, adam }: RunState): void {
  tf.dispose([weights, average, adam.first, adam.second])
}
