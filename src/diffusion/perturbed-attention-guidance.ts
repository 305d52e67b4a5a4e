/** Perturbed-attention guidance (Ahn et al. 2024): away from what a network predicts whose pixels do not see each other. */
import * as tf from '@tensorflow/tfjs'
import type { Denoiser } from './denoiser.ts'

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
