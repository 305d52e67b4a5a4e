/**
 * Multi-scale image inversion (He et al. 2024, Diff-Privacy): features of a face at five depths become one placeholder
 * vector for each of ten time buckets, and so a conditional embedding that follows the denoising. Names are those of
 * the release. Low-noise buckets read shallow features, high-noise ones deep features.
 * Letters: n batch, t tokens of a scale, c width of a scale, d dimension of the placeholder.
 */
import * as tf from '@tensorflow/tfjs'
import { embedding, linear } from './layers.ts'
import { define, type Module, type Weights } from './module.ts'
import { attention } from './ops/attention.ts'

export const SCALES = 5
export const BUCKETS = 10

/**
 * What attends to what:
 * - `released`: the mean of a scale's tokens is query, key and value. Over one key the softmax is 1, so the query and
 *   key weights do nothing and, as attn1 feeds only the query of attn2, nor does attn1: none of them gets a gradient.
 * - `patch`: the query is still that mean, keys and values are all tokens of the scale, each passed through the same
 *   projection, normalisation and time modulation. Both attentions then choose among tokens, and every weight learns.
 *   Tokens have unit length, so scores come out about d times smaller than attention expects and the softmax would be
 *   flat: they are multiplied by d. With a single token a scale the two variants are the same function.
 * - `single`: the released form, but every bucket gives the vector of the last: one embedding of the deepest features for
 *   all of the denoising, as in textual inversion, which the paper's ten are compared with.
 */
export type MsiVariant = 'released' | 'patch' | 'single'

export interface MsiConfig {
  /** Width of the placeholder vector d. */
  dim: number
  /** Width of the features of each scale, shallow to deep. */
  featureDims: readonly number[]
  heads: number
  headDim: number
  variant?: MsiVariant
}

/** The places where the release drops values while training, at a rate of 0.05. */
export type DropoutSite = 'attn1' | 'attn2' | 'net'
/** Drops values of x, or not: the caller owns rate and random stream. */
export type Dropout = (x: tf.Tensor, site: DropoutSite) => tf.Tensor

/**
 * Features of the five scales [n, t_k, c_k] and a bucket in 0..9 -> placeholder vectors [n, d]. Without `dropout`
 * nothing is dropped. Differentiable with respect to weights and features on every backend.
 */
export type Msi = Module<[features: readonly tf.Tensor3D[], bucket: number, dropout?: Dropout], tf.Tensor2D>

/** The inversion network of `config`. */
export function msi({ dim, featureDims, heads, headDim, variant = 'released' }: MsiConfig): Msi {
  if (featureDims.length !== SCALES)
    throw new Error(`msi: expected ${SCALES} feature widths, found ${featureDims.length}`)
  const timeEmbedding = embedding('t_embed1', BUCKETS, dim)
  const projections = featureDims.map((width, k) => projection(`mlp${k}`, width, dim))
  const gain = variant === 'patch' ? dim : 1
  const attn1 = crossAttention('attn1', dim, heads, headDim, gain)
  const attn2 = crossAttention('attn2', dim, heads, headDim, gain)
  const out = linear('net.1', dim, dim)
  return define([timeEmbedding, ...projections, attn1, attn2, out], (w, features, asked, dropout = x => x) => {
    const bucket = variant === 'single' ? BUCKETS - 1 : asked
    const scale = Math.floor((bucket * SCALES) / BUCKETS)
    const feature = features[scale]
    const project = projections[scale]
    if (!feature || !project) throw new Error(`msi: expected a bucket in 0..${BUCKETS - 1}, found ${bucket}`)
    return tf.tidy(() => {
      const time = timeEmbedding(w, tf.tensor1d([bucket], 'int32')) // [1, d]
      const modulated = (tokens: tf.Tensor3D) => tf.mul(project(w, tokens), time) as tf.Tensor3D
      const e = modulated(tf.mean(feature, 1, true)) // [n, 1, d]
      const context = variant === 'patch' ? modulated(feature) : e
      const x1 = dropout(attn1(w, e, context), 'attn1') as tf.Tensor3D
      const x2 = dropout(attn2(w, x1, context), 'attn2')
      return tf.reshape(out(w, dropout(x2, 'net')), [-1, dim])
    })
  })
}

/** All ten placeholder vectors of n faces, [n, 10, d], without dropout. */
export function allBuckets(network: Msi, weights: Weights, features: readonly tf.Tensor3D[]): tf.Tensor3D {
  return tf.tidy(() => {
    const vectors = Array.from({ length: BUCKETS }, (_, bucket) => network(weights, features, bucket))
    return tf.stack(vectors, 1) as tf.Tensor3D
  })
}

/** Two linear maps, then unit length: [n, t, width] -> [n, t, d]. */
function projection(name: string, width: number, dim: number): Module<[tf.Tensor3D], tf.Tensor3D> {
  const first = linear(`${name}.linear1`, width, dim, false)
  const second = linear(`${name}.linear2`, dim, dim, false)
  return define([first, second], (w, x) => {
    const y = second(w, first(w, x))
    const length = tf.sqrt(tf.sum(tf.square(y), -1, true))
    return tf.div(y, tf.maximum(length, 1e-12)) as tf.Tensor3D
  })
}

/** Queries from x [n, s, d], keys and values from the context [n, t, d], scores times `gain` -> [n, s, d]. */
function crossAttention(
  name: string,
  dim: number,
  heads: number,
  headDim: number,
  gain: number,
): Module<[x: tf.Tensor3D, context: tf.Tensor3D], tf.Tensor3D> {
  const inner = heads * headDim
  const q = linear(`${name}.to_q`, dim, inner, false)
  const k = linear(`${name}.to_k`, dim, inner, false)
  const v = linear(`${name}.to_v`, dim, inner, false)
  const out = linear(`${name}.to_out.0`, inner, dim)
  return define([q, k, v, out], (w, x, context) => {
    const queries = tf.mul(q(w, x), gain) as tf.Tensor3D
    const [keys, values] = [k, v].map(project => project(w, context) as tf.Tensor3D)
    return out(w, attention(queries, keys!, values!, heads)) as tf.Tensor3D
  })
}
