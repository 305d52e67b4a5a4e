/** DDIM inversion: the noise from which deterministic DDIM regenerates a latent (Dhariwal and Nichol 2021, appendix F). */
import * as tf from '@tensorflow/tfjs'
import type { Denoiser } from './ddim.ts'
import { ddimTransfer, type NoiseLevels } from './ddim.ts'
import type { DdimStep } from './schedule.ts'

/** One step of inversion: the noise levels, and the timestep at which the noise is predicted. */
export interface InversionStep extends NoiseLevels {
  readonly timestep: number
}

/** The steps that undo DDIM sampling one by one: abar_{t-1} to abar_t with the noise predicted at t, as sampling does. */
export function inversionSteps(steps: readonly DdimStep[]): InversionStep[] {
  return steps.map(({ timestep, alphaCumprodPrev, alphaCumprod }) => ({
    timestep,
    from: alphaCumprodPrev,
    to: alphaCumprod,
  }))
}

/** The steps of the paper's code: abar_t to abar_{t+1} with the noise predicted at t, one timestep off sampling's. */
export function paperCodeInversionSteps(steps: readonly DdimStep[]): InversionStep[] {
  return steps.map(({ timestep, alphaCumprod, alphaCumprodNext }) => ({
    timestep,
    from: alphaCumprod,
    to: alphaCumprodNext,
  }))
}

/**
 * Inverts a clean latent along `steps`. Undoing a DDIM step is implicit, since its noise was predicted from the
 * latent that is sought: fixed-point iterations bring each step closer to it (Pan et al. 2023, AIDI); none is
 * the usual explicit inversion.
 * @returns z_T, [n, h, w, c]
 */
export function invert(
  denoiser: Denoiser,
  x0: tf.Tensor4D,
  steps: readonly InversionStep[],
  fixedPointIterations = 0,
): tf.Tensor4D {
  return steps.reduce((z, step) => {
    const next = tf.tidy(() => {
      const transfer = (seen: tf.Tensor4D) => ddimTransfer(z, denoiser(seen, step.timestep), step).transferred
      let noisier = transfer(z)
      for (let i = 0; i < fixedPointIterations; i++) noisier = transfer(noisier)
      return noisier
    })
    if (z !== x0) z.dispose()
    return next
  }, x0)
}
