/**
 * CLIP's text transformer (Radford et al. 2021), in Hugging Face's `CLIPTextModel` naming without `text_model.`: the
 * encoder of prompts, one of whose tokens may be a given vector instead of a word. A small one serves the default model.
 */
import * as tf from '@tensorflow/tfjs'
import { type ClipTransformerConfig, clipTransformer } from './clip-transformer.ts'
import { embedding, layerNorm } from './layers.ts'
import { define, type Module, weight } from './module.ts'

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
