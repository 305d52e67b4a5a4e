import type * as tf from '@tensorflow/tfjs'

/**
 * Predicts the noise in a latent: z [n, h, w, c] at one timestep, under the context that the denoiser was bound to.
 * Samplers know no more of a network than this.
 */
export type Denoiser = (z: tf.Tensor4D, timestep: number) => tf.Tensor4D
