import type * as tf from '@tensorflow/tfjs'
import type { Shapes, Weights } from '../weights/layout.ts'

export type { Shapes, Weights }

/** A network or a part of one: a function of weights and inputs that names the parameters it reads. */
export interface Module<Inputs extends unknown[] = never[], Output = unknown> {
  (weights: Weights, ...inputs: Inputs): Output
  readonly parameters: Shapes
}

/**
 * Makes a module of its parts and its forward function.
 * @param parts the modules that `forward` calls, and the shapes of parameters that it reads itself
 */
export function define<Inputs extends unknown[], Output>(
  parts: readonly (Module | { readonly parameters: Shapes })[],
  forward: (weights: Weights, ...inputs: Inputs) => Output,
): Module<Inputs, Output> {
  const parameters: Record<string, readonly number[]> = {}
  for (const part of parts) Object.assign(parameters, part.parameters)
  return Object.assign((weights: Weights, ...inputs: Inputs) => forward(weights, ...inputs), { parameters })
}

/** The weight called `name`; throws when it was not loaded. */
export function weight<T extends tf.Tensor = tf.Tensor>(weights: Weights, name: string): T {
  const tensor = weights[name]
  if (!tensor) throw new Error(`weight '${name}' is not among the ${Object.keys(weights).length} loaded`)
  return tensor as T
}

/** Number of values in all parameters. */
export function countParameters(shapes: Shapes): number {
  return Object.values(shapes).reduce((sum, shape) => sum + shape.reduce((a, b) => a * b, 1), 0)
}

// Names of parameters with and without a prefix, as one checkpoint holds several networks.

/** `weights` whose names start with `prefix`, without it. */
export function withoutPrefix(weights: Weights, prefix: string): Weights {
  const names = Object.keys(weights).filter(name => name.startsWith(prefix))
  return Object.fromEntries(names.map(name => [name.slice(prefix.length), weights[name]!]))
}

/** `values` with `prefix` before every name. */
export function withPrefix<T>(values: Readonly<Record<string, T>>, prefix: string): Record<string, T> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [prefix + name, value]))
}
