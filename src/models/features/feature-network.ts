import type * as tf from '@tensorflow/tfjs'

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
