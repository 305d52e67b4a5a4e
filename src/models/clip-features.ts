import * as tf from '@tensorflow/tfjs'
import { type ClipImageConfig, clipImage } from './clip.ts'
import { clipPixels } from './clip-pixels.ts'
import type { Weights } from './module.ts'

/** What a feature network makes of n faces. */
export interface Features {
  /** Who is seen, or what: [n, e]. */
  embedding: tf.Tensor2D
  /** Activations at five depths, shallow to deep, as tokens [n, t_k, c_k]: what MSI reads. */
  features: [tf.Tensor3D, tf.Tensor3D, tf.Tensor3D, tf.Tensor3D, tf.Tensor3D]
}

/** A frozen network whose activations MSI inverts into placeholder vectors. */
export interface FeatureNetwork {
  readonly name: string
  /** c_k, widths of the five depths. */
  readonly widths: readonly number[]
  /** Embedding and features of aligned faces [n, s, s, 3] in [-1, 1]. */
  features(faces: tf.Tensor4D): Features
}

/** CLIP's image encoder as MSI reads it. */
export interface ClipFeaturesConfig extends ClipImageConfig {
  /** The five hidden states that are read, shallow to deep. */
  readonly states: readonly number[]
}

/** ViT-L/14, read where the release reads it (He et al. 2024). */
export const clipVitL14 = {
  width: 1024,
  innerWidth: 4096,
  layers: 24,
  heads: 16,
  imageSize: 224,
  patchSize: 14,
  states: [3, 7, 11, 15, 24],
} as const satisfies ClipFeaturesConfig

/** The feature network over loaded weights: its embedding is the normalised class token. */
export function clipFeatures(config: ClipFeaturesConfig, weights: Weights): FeatureNetwork {
  const network = clipImage(config)
  return {
    name: 'clip',
    widths: config.states.map(() => config.width),
    features: faces =>
      tf.tidy(() => {
        const { hiddenStates, pooled } = network(weights, clipPixels(faces, config.imageSize))
        return { embedding: pooled, features: config.states.map(k => hiddenStates[k]!) as Features['features'] }
      }),
  }
}
