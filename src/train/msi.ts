/** Trains MSI: frozen networks, frozen features and latents; only the inversion network learns (He et al. 2024). */
import * as tf from '@tensorflow/tfjs'
import type { NoiseSchedule } from '../diffusion/schedule.ts'
import { conditionalEmbedding, type LatentDiffusion, type LatentDiffusionConfig } from '../models/latent-diffusion.ts'
import type { Weights } from '../models/module.ts'
import { BUCKETS, type Dropout } from '../models/msi.ts'
import { RandomStream } from '../util/random.ts'
import { batchIndices } from './batches.ts'
import { type LatentStructure, type LossTarget, lossWeight, noisePredictionLoss } from './diffusion.ts'
import type { LatentCache } from './latents.ts'
import type { TrainingTask } from './task.ts'

export interface MsiTaskOptions extends LatentStructure {
  readonly seed: number
  readonly batchSize: number
  /** Share of values that dropout sets to zero; the release has 0.05. */
  readonly dropout: number
  readonly loss?: LossTarget
}

interface Batch extends tf.TensorContainerObject {
  latents: tf.Tensor4D
  features: tf.Tensor3D[]
}

/**
 * A batch shares one time bucket, that of the network's forward pass; timesteps within it are uniform, and buckets are drawn
 * uniformly, so that timesteps are uniform over all of 0..T-1 as in the paper.
 * @param frozen weights of the noise predictor and of the text transformer
 * @param cache frozen latents and features of the faces
 * @param demo shows what the embeddings bring back
 */
export function msiTask(
  { unet, text, msi }: Pick<LatentDiffusion, 'unet' | 'text' | 'msi'>,
  frozen: { readonly unet: Weights; readonly text: Weights },
  prompt: LatentDiffusionConfig['prompt'],
  schedule: NoiseSchedule,
  cache: Pick<LatentCache, 'count' | 'featured'>,
  { seed, batchSize, dropout, loss: target, ...structure }: MsiTaskOptions,
  demo?: TrainingTask<Batch>['demo'],
): TrainingTask<Batch> {
  return {
    name: 'msi',
    parameters: msi.parameters,

    async batch(step) {
      return cache.featured(batchIndices(step, batchSize, cache.count, seed))
    },

    loss(weights, { latents, features }, step) {
      const random = new RandomStream(seed, 'timesteps', step)
      const bucket = random.integer(BUCKETS)
      // The bucket's first timestep, and the next one's.
      const [first, end] = [bucket, bucket + 1].map(i => Math.ceil((i * schedule.steps) / BUCKETS)) as [number, number]
      const timesteps = Array.from({ length: batchSize }, () => first + random.integer(end - first))
      const drop: Dropout = (x, site) => tf.dropout(x, dropout, undefined, `${seed}/${step}/${site}`)
      const vectors = msi(weights, features, bucket, dropout > 0 ? drop : undefined)
      const context = conditionalEmbedding(text, frozen.text, prompt, vectors)
      return {
        loss: noisePredictionLoss(
          unet,
          frozen.unet,
          schedule,
          latents,
          timesteps,
          context,
          seed,
          step,
          t => lossWeight(schedule, t, undefined, target),
          structure,
        ),
        parts: {},
      }
    },

    ...(demo && { demo }),
  }
}
