/** The transformer layer that CLIP's image and text encoders share (Radford et al. 2021), in Hugging Face's naming. */
import * as tf from '@tensorflow/tfjs'
import { layerNorm, linear } from './layers.ts'
import { define, type Module } from './module.ts'
import { swish } from './ops/activation.ts'
import { attention } from './ops/attention.ts'

export interface ClipTransformerConfig {
  width: number
  /** Width inside the feed-forward, usually 4 * width. */
  innerWidth: number
  layers: number
  heads: number
}

/** Hidden states [n, t, width] before the first layer -> those after each layer, `layers` of them. */
export type ClipTransformer = Module<[x: tf.Tensor3D, mask?: tf.Tensor2D], tf.Tensor3D[]>

/** CLIP's GELU is x sigmoid(1.702 x). */
const quickGelu = 1.702

/** Pre-norm layers `encoder.layers.i`; the optional mask [t, t] is added to every attention score. */
export function clipTransformer({ width, innerWidth, layers, heads }: ClipTransformerConfig): ClipTransformer {
  const blocks = Array.from({ length: layers }, (_, i) => block(`encoder.layers.${i}`, width, innerWidth, heads))
  return define(blocks, (w, x, mask) => {
    const states: tf.Tensor3D[] = []
    for (const layer of blocks) states.push(layer(w, states.at(-1) ?? x, mask))
    return states
  })
}

function block(
  name: string,
  width: number,
  innerWidth: number,
  heads: number,
): Module<[x: tf.Tensor3D, mask?: tf.Tensor2D], tf.Tensor3D> {
  const norm1 = layerNorm(`${name}.layer_norm1`, width)
  const q = linear(`${name}.self_attn.q_proj`, width, width)
  const k = linear(`${name}.self_attn.k_proj`, width, width)
  const v = linear(`${name}.self_attn.v_proj`, width, width)
  const out = linear(`${name}.self_attn.out_proj`, width, width)
  const norm2 = layerNorm(`${name}.layer_norm2`, width)
  const fc1 = linear(`${name}.mlp.fc1`, width, innerWidth)
  const fc2 = linear(`${name}.mlp.fc2`, innerWidth, width)
  return define([norm1, q, k, v, out, norm2, fc1, fc2], (w, x, mask) =>
    tf.tidy(() => {
      const a = norm1(w, x)
      const [queries, keys, values] = [q, k, v].map(project => project(w, a) as tf.Tensor3D)
      const h = tf.add(x, out(w, attention(queries!, keys!, values!, heads, { mask }))) as tf.Tensor3D
      return tf.add(h, fc2(w, swish(fc1(w, norm2(w, h)), quickGelu)))
    }),
  )
}
