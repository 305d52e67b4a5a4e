/** CLIP's image and text encoders and the transformer they share (Radford et al. 2021), with Hugging Face's parameter names. */
import * as tf from '@tensorflow/tfjs'
import { conv2d, embedding, layerNorm, linear } from './layers.ts'
import { define, type Module, weight } from './module.ts'
import { swish } from './ops/activations.ts'
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

// CLIP's image encoder, a vision transformer (Radford et al. 2021), in Hugging Face's naming without `vision_model.`.

export interface ClipImageConfig extends ClipTransformerConfig {
  /** Side of the square input, in pixels. */
  imageSize: number
  /** Side of a patch, in pixels. */
  patchSize: number
}

export interface ClipImageOutput {
  /** [n, 1 + patches, width]: state 0 before the first layer, state k after layer k; token 0 is the class token. */
  hiddenStates: tf.Tensor3D[]
  /** Normalised class token of the last state, [n, width]. */
  pooled: tf.Tensor2D
}

/** Pixels [n, imageSize, imageSize, 3], normalised with CLIP's mean and deviation -> hidden states and pooled feature. */
export type ClipImage = Module<[pixels: tf.Tensor4D], ClipImageOutput>

/** The image encoder of `config`. */
export function clipImage(config: ClipImageConfig): ClipImage {
  const { width, imageSize, patchSize } = config
  const patches = (imageSize / patchSize) ** 2
  const patchEmbedding = conv2d('embeddings.patch_embedding', 3, width, {
    kernel: patchSize,
    stride: patchSize,
    padding: 0,
    bias: false,
  })
  const own = {
    parameters: {
      'embeddings.class_embedding': [width],
      'embeddings.position_embedding.weight': [patches + 1, width],
    },
  }
  const preNorm = layerNorm('pre_layrnorm', width) // the checkpoint's own spelling
  const transformer = clipTransformer(config)
  const postNorm = layerNorm('post_layernorm', width)
  return define(
    [patchEmbedding, own, preNorm, transformer, postNorm],
    (w, pixels) =>
      tf.tidy(() => {
        const n = pixels.shape[0]
        const cls = tf.tile(tf.reshape(weight(w, 'embeddings.class_embedding'), [1, 1, width]), [n, 1, 1])
        const tokens = tf.concat([cls, tf.reshape(patchEmbedding(w, pixels), [n, patches, width])], 1)
        const first = preNorm(w, tf.add(tokens, weight(w, 'embeddings.position_embedding.weight'))) as tf.Tensor3D
        const hiddenStates = [first, ...transformer(w, first)]
        const last = tf.slice(hiddenStates.at(-1)!, [0, 0, 0], [n, 1, width])
        return { hiddenStates, pooled: postNorm(w, tf.reshape(last, [n, width])) as tf.Tensor2D }
      }) as ClipImageOutput,
  )
}

// CLIP's text transformer (Radford et al. 2021), in Hugging Face's `CLIPTextModel` naming without `text_model.`: the
// encoder of prompts, one of whose tokens may be a given vector instead of a word. A small one serves the default model.

export interface ClipTextConfig extends ClipTransformerConfig {
  vocabulary: number
  /** Length of every prompt. */
  positions: number
}

/** Vectors [n, width] to put at `position` in place of the token embedding, before position embeddings are added. */
export interface Placeholder {
  position: number
  vectors: tf.Tensor2D
}

/**
 * Token ids, one row of `positions` a prompt -> last hidden state after the final layer norm, [n, positions, width].
 * A single row serves all n vectors of a placeholder. Differentiable with respect to the vectors on every backend.
 */
export type ClipText = Module<[ids: readonly (readonly number[])[], placeholder?: Placeholder], tf.Tensor3D>

/** The text transformer of `config`. */
export function clipText(config: ClipTextConfig): ClipText {
  const { width, vocabulary, positions } = config
  const tokens = embedding('embeddings.token_embedding', vocabulary, width)
  const places = { parameters: { 'embeddings.position_embedding.weight': [positions, width] } }
  const transformer = clipTransformer(config)
  const finalNorm = layerNorm('final_layer_norm', width)
  return define([tokens, places, transformer, finalNorm], (w, ids, placeholder) => {
    const wrong = ids.find(row => row.length !== positions)
    if (wrong) throw new Error(`clipText: a prompt has ${positions} token ids, found one with ${wrong.length}`)
    return tf.tidy(() => {
      const rows = tf.tensor1d(ids.flat(), 'int32')
      const words = tf.reshape(tokens(w, rows), [ids.length, positions, width]) as tf.Tensor3D
      const x = tf.add(
        placeholder ? replace(words, placeholder) : words,
        weight(w, 'embeddings.position_embedding.weight'),
      )
      return finalNorm(w, transformer(w, x as tf.Tensor3D, causalMask(positions)).at(-1)!) as tf.Tensor3D
    })
  })
}

/** `words` [n or 1, t, c] with column `position` replaced by the vectors [n, c] -> [n, t, c]. */
function replace(words: tf.Tensor3D, { position, vectors }: Placeholder): tf.Tensor3D {
  const [rows, length, width] = words.shape
  const n = vectors.shape[0]
  if (rows !== n && rows !== 1) throw new Error(`clipText: ${n} placeholder vectors for ${rows} prompts`)
  const all = rows === n ? words : tf.tile(words, [n, 1, 1])
  const before = tf.slice(all, [0, 0, 0], [n, position, width])
  const after = tf.slice(all, [0, position + 1, 0], [n, length - position - 1, width])
  return tf.concat([before, tf.reshape(vectors, [n, 1, width]), after], 1) as tf.Tensor3D
}

/** 0 where a token may look (itself and what precedes it), a large negative number elsewhere: [t, t]. */
function causalMask(length: number): tf.Tensor2D {
  const values = Float32Array.from({ length: length * length }, (_, i) =>
    i % length > Math.floor(i / length) ? -1e9 : 0,
  )
  return tf.tensor2d(values, [length, length])
}
