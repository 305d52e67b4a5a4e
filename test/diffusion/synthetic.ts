import * as tf from '@tensorflow/tfjs'
import type { Denoiser } from '../../src/diffusion/ddim.ts'
import { normal } from '../../src/util/random.ts'

export const latentShape: [number, number, number, number] = [2, 4, 4, 3]

export function noise(...key: (string | number)[]): tf.Tensor4D {
  return normal(latentShape, 7, ...key) as tf.Tensor4D
}

/** A smooth denoiser that depends on the latent and, slowly, on the timestep. */
export const smooth: Denoiser = (z, timestep) =>
  tf.tidy(() => tf.mul(tf.tanh(tf.add(tf.mul(z, 0.6), timestep / 2000)), 0.8) as tf.Tensor4D)

/** The greatest difference between two tensors. */
export function distance(a: tf.Tensor, b: tf.Tensor): number {
  return tf.tidy(() => tf.max(tf.abs(tf.sub(a, b))).dataSync()[0]!)
}
