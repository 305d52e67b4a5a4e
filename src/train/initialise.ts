import * as tf from '@tensorflow/tfjs'
import type { Shapes, Weights } from '../models/module.ts'
import { RandomStream } from '../util/random.ts'
import { runtimeShape } from '../weights/layout.ts'

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
