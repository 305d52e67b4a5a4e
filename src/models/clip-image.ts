/** CLIP's image encoder, a vision transformer (Radford et al. 2021), in Hugging Face's naming without `vision_model.`. */
import * as tf from '@tensorflow/tfjs'
import { type ClipTransformerConfig, clipTransformer } from './clip-transformer.ts'
import { conv2d, layerNorm } from './layers.ts'
import { define, type Module, weight } from './module.ts'

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
