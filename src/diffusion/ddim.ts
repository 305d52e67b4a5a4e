/** Denoising diffusion implicit models (Song, Meng, Ermon 2021), deterministic and stochastic. */
import * as tf from '@tensorflow/tfjs'
import { type DdimStep, ddimSigma } from './schedule.ts'

/**
 * Predicts the noise in a latent: z [n, h, w, c] at one timestep, under the context that the denoiser was bound to.
 * Samplers know no more of a network than this.
 */
export type Denoiser = (z: tf.Tensor4D, timestep: number) => tf.Tensor4D

/** The two noise levels between which a latent is transferred, as shares of signal variance (abar). */
export interface NoiseLevels {
  /** That of the latent. */
  readonly from: number
  /** That to which it is brought. */
  readonly to: number
}

/**
 * Transfers a latent from one noise level to another along a noise prediction (Song et al. 2021, equation 12): down in
 * sampling, up in inversion.
 *
 *   z      z_t
 *   eps    epsilon_theta(z_t, t)
 *   from   abar_t
 *   to     abar_{t-1} in sampling, abar_{t+1} in inversion
 *   sigma  sigma_t, the deviation of the noise that the caller adds to the result; 0 for none
 *   x0     z0hat, the predicted clean latent
 *
 * @param z [n, h, w, c] @param eps [n, h, w, c]
 * @returns x0, and the latent at the noise level `to`, both [n, h, w, c]
 */
export function ddimTransfer(
  z: tf.Tensor4D,
  eps: tf.Tensor4D,
  { from, to }: NoiseLevels,
  sigma = 0,
): { x0: tf.Tensor4D; transferred: tf.Tensor4D } {
  return tf.tidy(() => {
    // 1. the clean latent that eps implies
    const x0 = predictX0(z, eps, from)
    // 2. the direction that points to z_t
    const direction = tf.mul(eps, Math.sqrt(1 - to - sigma ** 2))
    // 3. the latent at the other noise level
    return { x0, transferred: tf.add(tf.mul(x0, Math.sqrt(to)), direction) as tf.Tensor4D }
  })
}

/**
 * The clean latent that a noise prediction implies (equation 9): (z_t - sqrt(1 - abar_t) eps) / sqrt(abar_t).
 * @param z [n, h, w, c] @param eps [n, h, w, c] @param alphaCumprod abar_t
 */
export function predictX0(z: tf.Tensor4D, eps: tf.Tensor4D, alphaCumprod: number): tf.Tensor4D {
  return tf.tidy(() => tf.mul(tf.sub(z, tf.mul(eps, Math.sqrt(1 - alphaCumprod))), 1 / Math.sqrt(alphaCumprod)))
}

/** A clean latent with noise up to a timestep (equation 4): sqrt(abar_t) x0 + sqrt(1 - abar_t) noise. */
export function addNoise(x0: tf.Tensor4D, noise: tf.Tensor4D, alphaCumprod: number): tf.Tensor4D {
  return tf.tidy(() => tf.add(tf.mul(x0, Math.sqrt(alphaCumprod)), tf.mul(noise, Math.sqrt(1 - alphaCumprod))))
}

/** Noise that DDIM steps add (Song et al. 2021, section 4.1). */
export interface AddedNoise {
  /** 0 for none, 1 for as much as DDPM adds. */
  readonly eta: number
  /** epsilon_t [n, h, w, c], asked for where eta is above 0. */
  readonly noise: (timestep: number) => tf.Tensor4D
}

/** One step of sampling, from timestep t to the previous, less noisy one. */
export function ddimStep(
  z: tf.Tensor4D,
  eps: tf.Tensor4D,
  step: DdimStep,
  added?: AddedNoise,
): { previous: tf.Tensor4D; x0: tf.Tensor4D } {
  const sigma = added ? ddimSigma(step, added.eta) : 0
  return tf.tidy(() => {
    const { x0, transferred } = ddimTransfer(z, eps, { from: step.alphaCumprod, to: step.alphaCumprodPrev }, sigma)
    if (!added || sigma === 0) return { x0, previous: transferred }
    return { x0, previous: tf.add(transferred, tf.mul(added.noise(step.timestep), sigma)) as tf.Tensor4D }
  })
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
