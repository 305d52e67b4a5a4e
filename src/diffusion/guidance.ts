/** Energy guidance: a DDIM step followed by a step down the gradient of an energy of what the clean estimate shows. */
import * as tf from '@tensorflow/tfjs'
import { freeing } from '../backend/freeing.ts'
import type { Denoiser } from './ddim.ts'
import { type AddedNoise, addNoise, ddimStep } from './ddim.ts'
import type { DdimStep } from './schedule.ts'

/** What is read of samples, [n, d] -> a scalar that guidance lowers. */
export type Energy = (features: tf.Tensor2D) => tf.Scalar

export interface Guidance {
  readonly energy: Energy
  /**
   * Latents [n, h, w, c] -> what the energy reads of the images they decode to [n, d], such as embeddings, each row of its
   * own latent alone; the energy's gradient runs through it and not through the denoiser.
   */
  readonly features: (latents: tf.Tensor4D) => tf.Tensor2D
  /** Samples whose gradient is taken at once; all by default. Fewer take less memory, and a third more time. */
  readonly atOnce?: number
  /** Lambda: how far down the gradient to go at a timestep. */
  readonly scale: (timestep: number) => number
  /** Gradient steps on the clean estimate in each DDIM step; 1, as in the paper, by default. */
  readonly iterations?: number
  /** Of a gradient [n, h, w, c], what is followed; all of it by default. */
  readonly project?: (gradient: tf.Tensor4D) => tf.Tensor4D
}

/** The background that stays the original's: where `mask` is 1 the latent is replaced by the original's. */
export interface Background {
  readonly x0: tf.Tensor4D
  /** [1, h, w, 1] in 0..1; or the mask of a timestep, where what is kept changes. */
  readonly mask: tf.Tensor4D | ((timestep: number) => tf.Tensor4D)
  /** Replaces below this timestep only. */
  readonly below: number
  /** Noise that brings the original to the latent's timestep; without it the clean latent itself is pasted (the release). */
  readonly noise?: tf.Tensor4D
}

export interface GuidedStepReport {
  readonly step: DdimStep
  readonly energy: number
  readonly gradientNorm: number
}

export interface GuidedOptions {
  readonly guidance: Guidance
  readonly background?: Background
  readonly added?: AddedNoise
  readonly onStep?: (report: GuidedStepReport) => void
}

/**
 * Energy and its gradient with respect to the clean latents. With more samples than are taken
 * at once, the features of all chunks are computed first; dE/dfeatures is then backpropagated through each chunk by itself, which bounds
 * the memory of activations.
 * @param x0 z0hat, [n, h, w, c]
 */
export function energyGradient(
  x0: tf.Tensor4D,
  { energy, features, atOnce = Number.POSITIVE_INFINITY }: Pick<Guidance, 'energy' | 'features' | 'atOnce'>,
): { energy: tf.Scalar; gradient: tf.Tensor4D } {
  const n = x0.shape[0]
  const [value, gradient] = tf.tidy(() => {
    if (n <= atOnce) {
      const { value, grad } = tf.valueAndGrad(z => energy(features(z as tf.Tensor4D)))(x0)
      return [value, grad]
    }
    const lengths = Array.from({ length: Math.ceil(n / atOnce) }, (_, i) => Math.min(atOnce, n - i * atOnce))
    const parts: tf.Tensor4D[] = tf.split(x0, lengths)
    const all = tf.concat(parts.map(z => tf.tidy(() => features(z))))
    const { value, grad } = tf.valueAndGrad(e => energy(e as tf.Tensor2D))(all)
    const cotangents = tf.split(grad as tf.Tensor2D, lengths)
    const slopes = parts.map((z, i) =>
      tf.tidy(() => tf.grad(freeing(z => features(z as tf.Tensor4D)))(z, cotangents[i])),
    )
    return [value, tf.concat(slopes)]
  })
  return { energy: value as tf.Scalar, gradient: gradient as tf.Tensor4D }
}

/**
 * Denoises z_t along `steps` (taken from the last to the first) under guidance:
 *
 *   previous  z_{t-1} = DDIM(z_t)
 *   gradient  dE/dz0hat, E the energy of what the decoded clean estimate shows
 *   result    z_{t-1} - lambda(t) gradient, the original's background blended in
 *
 * @returns the clean latent, [n, h, w, c]
 */
export async function sampleGuided(
  denoiser: Denoiser,
  start: tf.Tensor4D,
  steps: readonly DdimStep[],
  { guidance, background, added, onStep }: GuidedOptions,
): Promise<tf.Tensor4D> {
  let z = start
  for (const step of steps.toReversed()) {
    const [next, energy, norm] = tf.tidy(() => {
      const { previous, x0 } = ddimStep(z, denoiser(z, step.timestep), step, added)
      const { energy, shift, gradientNorm } = descend(x0, guidance, guidance.scale(step.timestep))
      const guided = tf.add(previous, shift) as tf.Tensor4D
      return [
        background && step.timestep < background.below ? blendBackground(guided, background, step) : guided,
        energy,
        gradientNorm,
      ] as const
    }) as unknown as [tf.Tensor4D, tf.Scalar, tf.Scalar]
    if (z !== start) z.dispose()
    z = next
    onStep?.({ step, energy: (await energy.data())[0]!, gradientNorm: (await norm.data())[0]! })
    tf.dispose([energy, norm])
  }
  return z
}

/**
 * What gradient steps on the clean estimate add to it: -lambda dE/dz0hat, each step's gradient taken where the one before has
 * come to. @returns also the energy of the estimate and the norm of its gradient
 */
function descend(
  x0: tf.Tensor4D,
  { iterations = 1, project = gradient => gradient, ...guidance }: Guidance,
  scale: number,
): { shift: tf.Tensor4D; energy: tf.Scalar; gradientNorm: tf.Scalar } {
  let shift: tf.Tensor4D | undefined
  let first: { energy: tf.Scalar; gradientNorm: tf.Scalar } | undefined
  for (let i = 0; i < iterations; i++) {
    const { energy, gradient } = energyGradient(shift ? tf.add(x0, shift) : x0, guidance)
    const followed = project(gradient)
    const step = tf.mul(followed, -scale) as tf.Tensor4D
    shift = shift ? tf.add(shift, step) : step
    first ??= { energy, gradientNorm: tf.norm(followed) as tf.Scalar }
  }
  return { shift: shift!, ...first! }
}

/** z where the mask is 0, the original at the same noise level where it is 1. */
function blendBackground(z: tf.Tensor4D, { x0, mask: given, noise }: Background, step: DdimStep): tf.Tensor4D {
  const mask = typeof given === 'function' ? given(step.timestep) : given
  const original = noise ? addNoise(x0, noise, step.alphaCumprodPrev) : x0
  return tf.add(tf.mul(z, tf.sub(1, mask)), tf.mul(original, mask))
}

// Perturbed-attention guidance (Ahn et al. 2024): away from what a network predicts whose pixels do not see each other.

/**
 * eps + scale (eps - eps'), eps' the noise that the perturbed network predicts.
 * @param scale 0 for none: then the perturbed network is not asked
 */
export function perturbedAttentionGuidance(denoiser: Denoiser, perturbed: Denoiser, scale: number): Denoiser {
  if (scale === 0) return denoiser
  return (z, timestep) =>
    tf.tidy(() => {
      const eps = denoiser(z, timestep)
      return tf.add(eps, tf.mul(tf.sub(eps, perturbed(z, timestep)), scale))
    })
}
