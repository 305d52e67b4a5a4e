/** Energy guidance: a DDIM step followed by a step down the gradient of an energy of the decoded clean estimate. */
import * as tf from '@tensorflow/tfjs'
import { addNoise, ddimStep } from './ddim.ts'
import type { Denoiser } from './denoiser.ts'
import type { DdimStep } from './schedule.ts'

/** Decoded images [n, s, s, 3] -> a scalar that guidance lowers. */
export type Energy = (images: tf.Tensor4D) => tf.Scalar

export interface Guidance {
  readonly energy: Energy
  /** Latent -> image; the energy's gradient runs through it and not through the denoiser. */
  readonly decode: (latent: tf.Tensor4D) => tf.Tensor4D
  /** Lambda: how far down the gradient to go at a timestep. */
  readonly scale: (timestep: number) => number
}

/** What is kept of the original: where `mask` is 1 the latent is replaced by the original's. */
export interface Kept {
  readonly clean: tf.Tensor4D
  /** [1, h, w, 1] in 0..1. */
  readonly mask: tf.Tensor4D
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
  readonly kept?: Kept
  readonly onStep?: (report: GuidedStepReport) => void
}

/**
 * Energy and its gradient with respect to the clean latent, in two segments (recognizer, then decoder).
 * @param clean z0hat, [n, h, w, c]
 */
export function energyGradient(
  clean: tf.Tensor4D,
  { energy, decode }: Pick<Guidance, 'energy' | 'decode'>,
): { energy: tf.Scalar; gradient: tf.Tensor4D } {
  const { value, grad } = tf.valueAndGrad((z: tf.Tensor) => energy(decode(z as tf.Tensor4D)))(clean)
  return { energy: value as tf.Scalar, gradient: grad as tf.Tensor4D }
}

/**
 * Denoises z_t along `steps` (taken from the last to the first) under guidance:
 *
 *   previous  z_{t-1} = DDIM(z_t)
 *   gradient  dE/dz0hat, E the energy of the decoded clean estimate
 *   result    z_{t-1} - lambda(t) gradient, the original pasted back where it is kept
 *
 * @returns the clean latent, [n, h, w, c]
 */
export async function sampleGuided(
  denoiser: Denoiser,
  start: tf.Tensor4D,
  steps: readonly DdimStep[],
  { guidance, kept, onStep }: GuidedOptions,
): Promise<tf.Tensor4D> {
  let z = start
  for (const step of steps.toReversed()) {
    const [next, energy, norm] = tf.tidy(() => {
      const { previous, clean } = ddimStep(z, denoiser(z, step.timestep), step)
      const { energy, gradient } = energyGradient(clean, guidance)
      const guided = tf.sub(previous, tf.mul(gradient, guidance.scale(step.timestep))) as tf.Tensor4D
      return [
        kept && step.timestep < kept.below ? pasteKept(guided, kept, step) : guided,
        energy,
        tf.norm(gradient),
      ] as const
    }) as unknown as [tf.Tensor4D, tf.Scalar, tf.Scalar]
    if (z !== start) z.dispose()
    z = next
    onStep?.({ step, energy: (await energy.data())[0]!, gradientNorm: (await norm.data())[0]! })
    tf.dispose([energy, norm])
  }
  return z
}

/** z where mask is 0, the original at the same noise level where it is 1. */
function pasteKept(z: tf.Tensor4D, { clean, mask, noise }: Kept, step: DdimStep): tf.Tensor4D {
  const original = noise ? addNoise(clean, noise, { alpha: step.alphaPrevious }) : clean
  return tf.add(tf.mul(z, tf.sub(1, mask)), tf.mul(original, mask))
}
