/** Denoising diffusion implicit models (Song, Meng, Ermon 2021), deterministic and stochastic. */
import * as tf from '@tensorflow/tfjs'
import type { Denoiser } from './denoiser.ts'
import { type DdimStep, ddimSigma } from './schedule.ts'

/**
 * The clean latent that a noise prediction implies (equation 9): (z_t - sqrt(1 - abar_t) eps) / sqrt(abar_t).
 * @param z [n, h, w, c] @param eps [n, h, w, c]
 */
export function predictClean(z: tf.Tensor4D, eps: tf.Tensor4D, { alpha }: Pick<DdimStep, 'alpha'>): tf.Tensor4D {
  return tf.tidy(() => tf.mul(tf.sub(z, tf.mul(eps, Math.sqrt(1 - alpha))), 1 / Math.sqrt(alpha)))
}

/** Noise that DDIM steps add (Song et al. 2021, section 4.1). */
export interface AddedNoise {
  /** 0 for none, 1 for as much as DDPM adds. */
  readonly eta: number
  /** epsilon_t [n, h, w, c], asked for where eta is above 0. */
  readonly noise: (timestep: number) => tf.Tensor4D
}

/**
 * One step from timestep t to the previous, less noisy one (equation 12).
 *
 *   z             z_t
 *   clean         z0hat, predicted clean latent
 *   alphaPrevious abar_{t-1}
 *   sigma         sigma_t, 0 where no noise is added
 *   noise         epsilon_t
 */
export function ddimStep(
  z: tf.Tensor4D,
  eps: tf.Tensor4D,
  step: DdimStep,
  added?: AddedNoise,
): { previous: tf.Tensor4D; clean: tf.Tensor4D } {
  const sigma = added ? ddimSigma(step, added.eta) : 0
  return tf.tidy(() => {
    // 1. the clean latent that eps implies
    const clean = predictClean(z, eps, step)
    // 2. the direction that points to z_t
    const direction = tf.mul(eps, Math.sqrt(1 - step.alphaPrevious - sigma ** 2))
    // 3. z_{t-1}
    const mean = tf.add(tf.mul(clean, Math.sqrt(step.alphaPrevious)), direction) as tf.Tensor4D
    return { clean, previous: added && sigma > 0 ? tf.add(mean, tf.mul(added.noise(step.timestep), sigma)) : mean }
  })
}

/** Noise added to a clean latent up to a timestep (equation 4): sqrt(abar_t) z0 + sqrt(1 - abar_t) noise. */
export function addNoise(clean: tf.Tensor4D, noise: tf.Tensor4D, { alpha }: Pick<DdimStep, 'alpha'>): tf.Tensor4D {
  return tf.tidy(() => tf.add(tf.mul(clean, Math.sqrt(alpha)), tf.mul(noise, Math.sqrt(1 - alpha))))
}

/**
 * Denoises z_t along `steps` (least noisy first, as ddimSteps gives them; taken from the last to the first).
 * @returns the clean latent, [n, h, w, c]
 */
export function sample(
  denoiser: Denoiser,
  start: tf.Tensor4D,
  steps: readonly DdimStep[],
  added?: AddedNoise,
): tf.Tensor4D {
  return steps.toReversed().reduce((z, step) => {
    const next = tf.tidy(() => ddimStep(z, denoiser(z, step.timestep), step, added).previous)
    if (z !== start) z.dispose()
    return next
  }, start)
}
