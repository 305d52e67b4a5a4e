/** Faces drawn from pure noise, without a photo: what a model makes by itself. */
import * as tf from '@tensorflow/tfjs'
import { fromTensor, type Image } from '../../data/image.ts'
import { normal } from '../../data/random.ts'
import { sample } from '../../diffusion/ddim.ts'
import { ddimSteps } from '../../diffusion/schedule.ts'
import type { FaceModel } from '../../protect/model.ts'

export interface Drawing {
  /** DDIM steps, 1 to half of the model's timesteps. */
  readonly steps: number
  /** Noise that the steps add: 0 for none, 1 for as much as DDPM adds. */
  readonly eta: number
}

/** A face for each seed: DDIM from z_T ~ N(0, I) under the embedding of the empty prompt. */
export async function drawFaces(model: FaceModel, seeds: readonly number[], { steps, eta }: Drawing): Promise<Image[]> {
  const faces = tf.tidy(() => {
    const noise = (...purpose: (string | number)[]) =>
      tf.stack(seeds.map(seed => normal([...model.latentShape], seed, 'face from noise', ...purpose))) as tf.Tensor4D
    const clean = sample(
      (z, timestep) => model.predictNoise(z, timestep, model.unconditional),
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
