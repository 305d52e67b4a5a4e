import * as tf from '@tensorflow/tfjs'
import { sample } from '../diffusion/ddim.ts'
import type { Denoiser } from '../diffusion/denoiser.ts'
import { bucketOf } from '../diffusion/embedding-schedule.ts'
import { inversionSteps, invert } from '../diffusion/inversion.ts'
import { ddimSteps, type NoiseSchedule } from '../diffusion/schedule.ts'
import { conditionalEmbedding, type LatentDiffusion, type LatentDiffusionConfig } from '../models/latent-diffusion.ts'
import type { Weights } from '../models/module.ts'
import { allBuckets, BUCKETS } from '../models/msi.ts'
import type { FrozenNetworks } from './latents.ts'

/** Steps of inversion and of recovery. */
const steps = 20

/**
 * Shows what MSI is for, in three rows: faces, what the autoencoder leaves of them, and what comes back from DDIM inversion under the
 * embeddings that MSI gives.
 * @param faces [n, s, s, 3]; the caller's
 * @param decode scaled latents -> faces
 * @param own of generated faces, the latents that they come with, [n, h, w, z]; the caller's
 */
export function msiDemo(
  { unet, text, msi }: Pick<LatentDiffusion, 'unet' | 'text' | 'msi'>,
  frozen: { readonly unet: Weights; readonly text: Weights },
  prompt: LatentDiffusionConfig['prompt'],
  schedule: NoiseSchedule,
  networks: FrozenNetworks & { decode(latents: tf.Tensor4D): tf.Tensor4D },
  faces: tf.Tensor4D,
  own?: tf.Tensor4D,
): (weights: Weights) => Promise<Record<string, tf.Tensor5D>> {
  return async weights => {
    const grid = tf.tidy(() => {
      const clean = own ? networks.fromGenerated(own) : networks.encode(faces)
      const vectors = tf.unstack(allBuckets(msi, weights, networks.features(faces).features), 1) as tf.Tensor2D[]
      const contexts = vectors.map(bucket => conditionalEmbedding(text, frozen.text, prompt, bucket))
      const denoiser: Denoiser = (z, timestep) =>
        unet(frozen.unet, z, tf.fill([z.shape[0]], timestep), contexts[bucketOf(timestep, BUCKETS, schedule.steps)]!)
      const trajectory = ddimSteps(schedule, steps)
      const recovered = sample(denoiser, invert(denoiser, clean, inversionSteps(trajectory)), trajectory)
      const decoded = [clean, recovered].map(latents => tf.clipByValue(networks.decode(latents), -1, 1))
      return tf.stack([faces, ...decoded]) as tf.Tensor5D
    })
    return { recoveries: grid }
  }
}
