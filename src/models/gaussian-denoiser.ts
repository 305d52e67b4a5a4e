/** The exact denoiser of latents that are standard normal: what diffusion is where nothing but the prior is known. */
import * as tf from '@tensorflow/tfjs'
import { define } from './module.ts'
import type { Unet } from './unet.ts'

/**
 * z_t [n, h, w, c], timesteps [n] of 0..T-1 -> predicted noise [n, h, w, c]: with z_0 ~ N(0, I), z_t is standard normal too and
 *   E[eps | z_t] = sqrt(1 - abar_t) z_t
 * It reads no context and has no parameters.
 * @param alphasCumprod abar_t for t = 0..T-1: the share of signal variance left at timestep t
 */
export function gaussianDenoiser(alphasCumprod: Float64Array): Unet {
  const noiseScales = Float32Array.from(alphasCumprod, alpha => Math.sqrt(1 - alpha))
  return define([], (_, z, timesteps) =>
    tf.tidy(() => {
      const whole = tf.clipByValue(tf.round(tf.cast(timesteps, 'float32')), 0, noiseScales.length - 1)
      const scale = tf.gather(tf.tensor1d(noiseScales), tf.cast(whole, 'int32'))
      return tf.mul(z, tf.reshape(scale, [-1, 1, 1, 1])) as tf.Tensor4D
    }),
  )
}
