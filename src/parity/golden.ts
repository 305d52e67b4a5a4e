/** The form of golden files, and how a tensor is compared with one. PyTorch's layouts on this side, tfjs's on the other. */
import * as tf from '@tensorflow/tfjs'
import { upload } from '../backend/upload.ts'
import type { Shapes, Weights } from '../models/module.ts'
import { toRuntime } from '../weights/layout.ts'
import { proceduralInput, proceduralWeight } from './procedural.ts'

/** A tensor to make from its name. */
export interface GoldenInput {
  name: string
  shape: number[]
  scale?: number
}

/** A reference tensor in NCHW or [n, tokens, width] order: all of its values, or some as [flat index, value]. */
export interface GoldenTensor {
  shape: number[]
  values?: number[]
  samples?: [index: number, value: number][]
}

export interface GoldenFile<Config = Record<string, unknown>> {
  kind: string
  name: string
  config: Config
  parameters: Record<string, number[]>
  inputs: Record<string, unknown>
  outputs: Record<string, GoldenTensor>
  gradients?: Record<string, GoldenTensor | null>
}

/** One compared tensor. It passes when `relativeError <= tolerance`, so a NaN fails. */
export interface Check {
  what: string
  relativeError: number
  tolerance: number
}

/** The relative error allowed of a single network and its gradients. */
export const networkTolerance = 1e-4

/** |actual - expected| / |expected| in the l2 norm, or |actual| where the reference is all zero. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let difference = 0
  let norm = 0
  for (let i = 0; i < expected.length; i++) {
    difference += (actual[i]! - expected[i]!) ** 2
    norm += expected[i]! ** 2
  }
  return norm === 0 ? Math.sqrt(difference) : Math.sqrt(difference / norm)
}

/** Compares a tensor in PyTorch's layout with its reference; a wrong shape is an infinite error. Disposes `actual`. */
export async function compare(
  what: string,
  actual: tf.Tensor,
  expected: GoldenTensor | null | undefined,
  tolerance = networkTolerance,
): Promise<Check> {
  if (!expected) throw new Error(`the golden file has no reference for '${what}'`)
  const values = await actual.data()
  const { shape } = actual
  actual.dispose()
  if (shape.join() !== expected.shape.join()) return { what, relativeError: Number.POSITIVE_INFINITY, tolerance }
  const [got, wanted] = expected.samples
    ? [expected.samples.map(([index]) => values[index]!), expected.samples.map(([, value]) => value)]
    : [values, expected.values ?? []]
  if (wanted.length === 0) throw new Error(`the golden file has no values for '${what}'`)
  return { what, relativeError: relativeError(got, wanted), tolerance }
}

/**
 * Procedural weights in runtime layout.
 * @param gain of the convolutions: sqrt(2) (He et al., arXiv 1502.01852) keeps a deep network of rectifiers awake
 */
export function proceduralWeights(shapes: Shapes, gain = 1): Weights {
  const weights: Record<string, tf.Tensor> = {}
  for (const [name, checkpointShape] of Object.entries(shapes)) {
    const { shape, data } = toRuntime(checkpointShape, proceduralWeight(name, checkpointShape))
    const factor = Math.fround(shape.length === 4 ? gain : 1)
    weights[name] = upload(tf.tensor(factor === 1 ? data : data.map(value => value * factor), shape))
  }
  return weights
}

/** The procedural input as made, in PyTorch's layout. */
export function input<T extends tf.Tensor>({ name, shape, scale }: GoldenInput): T {
  return tf.tensor(proceduralInput(name, shape, scale), shape) as T
}

/** The procedural input [n, c, h, w] as [n, h, w, c]. */
export const imageInput = (golden: GoldenInput): tf.Tensor4D => tf.tidy(() => toNhwc(input<tf.Tensor4D>(golden)))

const toNhwc = (x: tf.Tensor4D): tf.Tensor4D => tf.transpose(x, [0, 2, 3, 1])
export const toNchw = (x: tf.Tensor4D): tf.Tensor4D => tf.transpose(x, [0, 3, 1, 2])

/**
 * Differences between the parameters that a network reads and those that the file lists, as a check of its own: names
 * and shapes are part of what must agree. The error is the number of names that differ.
 */
export function compareParameters(shapes: Shapes, expected: Record<string, number[]>): Check {
  const describe = (all: Shapes) => new Set(Object.entries(all).map(([name, shape]) => `${name} ${shape.join('x')}`))
  const [ours, theirs] = [describe(shapes), describe(expected)]
  const differing = [...ours, ...theirs].filter(entry => ours.has(entry) !== theirs.has(entry))
  const what = differing.length === 0 ? 'parameters' : `parameters (${differing.slice(0, 3).join(', ')})`
  return { what, relativeError: differing.length, tolerance: 0 }
}

/**
 * Compares a network with a reference: names and shapes of its parameters, and where they agree what it computes over
 * procedural weights, which are gone afterwards.
 * @param gain of convolutions' weights
 */
export async function checkOver(
  parameters: Shapes,
  expected: Record<string, number[]>,
  compute: (weights: Weights) => Promise<Check[]>,
  gain?: number,
): Promise<Check[]> {
  const named = compareParameters(parameters, expected)
  if (named.relativeError > 0) return [named]
  const weights = proceduralWeights(parameters, gain)
  try {
    return [named, ...(await compute(weights))]
  } finally {
    tf.dispose(weights)
  }
}

/** Reads another golden file of the same folder, by name without `.json`. */
export type LoadGolden = (name: string) => Promise<GoldenFile>
