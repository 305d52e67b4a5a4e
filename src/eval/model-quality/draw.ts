/** Faces drawn from pure noise, without a photo: what a model makes by itself. */
import * as tf from '@tensorflow/tfjs'
import { fromTensor, type Image } from '../../data/image.ts'
import { normal } from '../../data/random.ts'
import { sample } from '../../diffusion/ddim.ts'
import { ddimSteps } from '../../diffusion/schedule.ts'
import type { FaceModel } from '../../protect/model.ts'

/**
 * A face for each seed: DDIM without added noise from z_T ~ N(0, I) under the embedding of the empty prompt.
 * @param steps 1 to half of the model's timesteps
 */
export async function drawFaces(model: FaceModel, seeds: readonly number[], steps: number): Promise<Image[]> {
  const faces = tf.tidy(() => {
    const noise = tf.stack(seeds.map(seed => normal([...model.latentShape], seed, 'face from noise'))) as tf.Tensor4D
    const clean = sample(
      (z, timestep) => model.predictNoise(z, timestep, model.unconditional),
      noise,
      ddimSteps(model.schedule, steps),
    )
    return tf.clipByValue(model.decode(clean), -1, 1) as tf.Tensor4D
  })
  const images = await fromTensor(faces)
  faces.dispose()
  return images
}
