import * as tf from '@tensorflow/tfjs'
import { BUCKETS, msi, SCALES } from '../models/msi.ts'
import {
  type Check,
  checkOver,
  compare,
  type GoldenFile,
  type GoldenInput,
  type GoldenTensor,
  input,
} from './golden.ts'

export interface MsiGoldenConfig {
  dim: number
  feature_dim: number
  heads: number
  head_dim: number
}

export const goldenMsi = (config: MsiGoldenConfig) =>
  msi({
    dim: config.dim,
    featureDims: Array.from({ length: SCALES }, () => config.feature_dim),
    heads: config.heads,
    headDim: config.head_dim,
  })

export interface MsiGoldenFile extends GoldenFile<MsiGoldenConfig> {
  gradients_of_sum_over_buckets: Record<string, GoldenTensor | null>
}

/** All ten buckets, and the gradients of sum over buckets of sum(output * cotangent) for every parameter. */
export async function checkMsi(golden: MsiGoldenFile): Promise<Check[]> {
  const { inputs, outputs, gradients_of_sum_over_buckets: gradients } = golden
  const network = goldenMsi(golden.config)
  return checkOver(network.parameters, golden.parameters, async weights => {
    const checks: Check[] = []
    const range = (count: number) => Array.from({ length: count }, (_, i) => i)
    const features = range(SCALES).map(k => input<tf.Tensor3D>(inputs[`feature${k}`] as GoldenInput))
    const cotangents = range(BUCKETS).map(b => input<tf.Tensor2D>(inputs[`cotangent${b}`] as GoldenInput))

    for (const b of range(BUCKETS))
      checks.push(await compare(`bucket_${b}`, network(weights, features, b), outputs[`bucket_${b}`]))

    const names = Object.keys(weights)
    const grads = tf.grads((...tensors: tf.Tensor[]) => {
      const w = Object.fromEntries(names.map((name, i) => [name, tensors[i]!]))
      return tf.addN(range(BUCKETS).map(b => tf.sum(tf.mul(network(w, features, b), cotangents[b]!))))
    })(Object.values(weights))
    for (const [i, name] of names.entries()) {
      const expected = gradients[name]
      if (expected === undefined) throw new Error(`${golden.name}: no reference gradient for '${name}'`)
      checks.push(await compare(`d/d${name}`, grads[i]!, expected ?? zeros(golden.parameters[name]!)))
    }
    tf.dispose([features, cotangents])
    return checks
  })
}

/** What a null gradient stands for: none reaches the parameter. */
const zeros = (shape: number[]): GoldenTensor => ({ shape, values: Array(shape.reduce((a, b) => a * b, 1)).fill(0) })
