/** DDIM inversion: the noise from which deterministic DDIM regenerates a latent (Dhariwal and Nichol 2021, appendix F). */
import * as tf from '@tensorflow/tfjs'
import type { Denoiser } from './denoiser.ts'
import type { DdimStep } from './schedule.ts'

/** A move up in noise, from one share of signal variance to a smaller one, by the noise predicted at a timestep. */
export interface Transition {
  readonly timestep: number
  /** abar that the latent has. */
  readonly from: number
  /** abar that it is brought to. */
  readonly to: number
}

/** The moves that undo DDIM sampling one by one: abar_{t-1} to abar_t with the noise predicted at t, as sampling does. */
export function inverseTransitions(steps: readonly DdimStep[]): Transition[] {
  return steps.map(({ timestep, alphaPrevious, alpha }) => ({ timestep, from: alphaPrevious, to: alpha }))
}

/** The moves of the Diff-Privacy release: abar_t to abar_{t+1} with the noise predicted at t, one timestep off sampling's. */
export function releasedTransitions(steps: readonly DdimStep[]): Transition[] {
  return steps.map(({ timestep, alpha, alphaNext }) => ({ timestep, from: alpha, to: alphaNext }))
}

/** Moves z from one noise level to another along a noise prediction: the DDIM step with eta 0, in either direction. */
export function move(z: tf.Tensor4D, eps: tf.Tensor4D, { from, to }: Pick<Transition, 'from' | 'to'>): tf.Tensor4D {
  return tf.tidy(() => {
    const clean = tf.mul(tf.sub(z, tf.mul(eps, Math.sqrt(1 - from))), 1 / Math.sqrt(from))
    return tf.add(tf.mul(clean, Math.sqrt(to)), tf.mul(eps, Math.sqrt(1 - to)))
  })
}

/**
 * Inverts a clean latent along `transitions`. Undoing a DDIM step is implicit, since its noise was predicted from the
 * latent that is sought: `refinements` fixed-point iterations bring each step closer to it (Pan et al. 2023, AIDI); 0 is
 * the usual explicit inversion.
 * @returns z_T, [n, h, w, c]
 */
export function invert(
  denoiser: Denoiser,
  clean: tf.Tensor4D,
  transitions: readonly Transition[],
  refinements = 0,
): tf.Tensor4D {
  return transitions.reduce((z, transition) => {
    const next = tf.tidy(() => {
      let moved = move(z, denoiser(z, transition.timestep), transition)
      for (let i = 0; i < refinements; i++) moved = move(z, denoiser(moved, transition.timestep), transition)
      return moved
    })
    if (z !== clean) z.dispose()
    return next
  }, clean)
}
