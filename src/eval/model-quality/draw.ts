/** Faces drawn from pure noise, without a photo: what a model makes by itself. */
import * as tf from '@tensorflow/tfjs'
import { sample } from '../../diffusion/ddim.ts'
import type { Denoiser } from '../../diffusion/denoiser.ts'
import { perturbedAttentionGuidance } from '../../diffusion/perturbed-attention-guidance.ts'
import { ddimSteps } from '../../diffusion/schedule.ts'
import { fromTensor, type Image } from '../../images/image.ts'
import type { PerturbedBlocks } from '../../models/perturbed-blocks.ts'
import type { FaceModel } from '../../pipeline/model.ts'
import { normal } from '../../util/random.ts'

export interface Drawing {
  /** DDIM steps, 1 to half of the model's timesteps. */
  readonly steps: number
  /** Noise that the steps add: 0 for none, 1 for as much as DDPM adds. */
  readonly eta: number
  /** How far to go away from noise predicted without self-attention, 0 for not at all. */
  readonly attentionGuidance: number
}

/** A face for each seed: DDIM from z_T ~ N(0, I) under the embedding of the empty prompt. */
export async function drawFaces(
  model: FaceModel,
  seeds: readonly number[],
  { steps, eta, attentionGuidance }: Drawing,
): Promise<Image[]> {
  const denoiser =
    (perturbed?: PerturbedBlocks): Denoiser =>
    (z, timestep) =>
      model.predictNoise(z, timestep, model.unconditional, perturbed)
  const faces = tf.tidy(() => {
    const noise = (...purpose: (string | number)[]) =>
      tf.stack(seeds.map(seed => normal([...model.latentShape], seed, 'face from noise', ...purpose))) as tf.Tensor4D
    const clean = sample(
      perturbedAttentionGuidance(denoiser(), denoiser('all'), attentionGuidance),
      noise(),
      ddimSteps(model.schedule, steps),
      { eta, noise: timestep => noise('added', timestep) },
    )
    return tf.clipByValue(model.decode(clean), -1, 1) as tf.Tensor4D
  })
  const images = await fromTensor(faces)
  faces.dispose()
  return images
}
