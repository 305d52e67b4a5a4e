/** Trains MSI: frozen networks, frozen features and latents; only the inversion network learns (He et al. 2024). */
import * as tf from '@tensorflow/tfjs'
import type { ModelConfig } from '../../config/model.ts'
import type { TrainConfig } from '../../config/train.ts'
import type { Denoiser } from '../../diffusion/ddim.ts'
import { sample } from '../../diffusion/ddim.ts'
import { inversionSteps, invert } from '../../diffusion/inversion.ts'
import { bucketOf, ddimSteps } from '../../diffusion/schedule.ts'
import { conditionalEmbedding, type LatentDiffusion } from '../../models/latent-diffusion.ts'
import type { Weights } from '../../models/module.ts'
import { allBuckets, BUCKETS, type Dropout } from '../../models/msi.ts'
import { loadNetworkWeights } from '../../pipeline/model-weights.ts'
import { UserError } from '../../util/errors.ts'
import { RandomStream } from '../../util/random.ts'
import { baseWeights } from '../bases.ts'
import { batchIndices } from '../batches.ts'
import { type FrozenNetworks, frozenBatchSize, type LatentCache, type LatentStructure } from '../latents.ts'
import { facesOf } from '../people.ts'
import type { TrainingTask } from '../task.ts'
import { type ConfigOf, spread, type TaskDefinition } from './definition.ts'
import { type DiffusionProcess, type LossTarget, lossWeight, noisePredictionLoss } from './diffusion.ts'
import { openFrozen } from './frozen.ts'

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
 */
export function msiTask(
  { unet, text, msi }: Pick<LatentDiffusion, 'unet' | 'text' | 'msi'>,
  frozen: { readonly unet: Weights; readonly text: Weights },
  { prompt, schedule }: DiffusionProcess,
  cache: Pick<LatentCache, 'count' | 'featured'>,
  { seed, batchSize, dropout, loss: target, ...structure }: MsiTaskOptions,
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
          { latents, timesteps, context },
          { ...structure, seed, step, weight: t => lossWeight(schedule, t, undefined, target) },
        ),
        parts: {},
      }
    },
  }
}

/** The faces of a demo. */
export interface DemoFaces {
  /** [n, s, s, 3]. */
  readonly faces: tf.Tensor4D
  /** Of generated faces, the latents that they come with, [n, h, w, z]. */
  readonly own?: tf.Tensor4D | undefined
}

/** Steps of inversion and of recovery. */
const steps = 20

/**
 * Shows what MSI is for, in three rows: faces, what the autoencoder leaves of them, and what comes back from DDIM inversion under the
 * embeddings that MSI gives.
 * @param faces the caller's
 */
export function msiDemo(
  { unet, text, msi }: Pick<LatentDiffusion, 'unet' | 'text' | 'msi'>,
  frozen: { readonly unet: Weights; readonly text: Weights },
  { prompt, schedule }: DiffusionProcess,
  networks: FrozenNetworks & { decode(latents: tf.Tensor4D): tf.Tensor4D },
  { faces, own }: DemoFaces,
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

/** The model with the variant of MSI that is to be trained. */
export function inVariant(model: ModelConfig, config: TrainConfig): ModelConfig {
  if (config.task !== 'msi' || !config.variant) return model
  return { ...model, msi: { ...model.msi, variant: config.variant } }
}

export const msi: TaskDefinition<ConfigOf<'msi'>> = {
  modelFor(config, base) {
    const model = inVariant(base, config)
    if (config.startFrom === 'trained' && model.msi.variant !== base.msi.variant)
      throw new UserError(
        `expected the variant ${base.msi.variant}, that of the trained MSI of '${base.name}', found ${model.msi.variant}: leave out startFrom`,
      )
    return model
  },
  subject: ({ subject }) => subject,
  bases: () => ['autoencoder', 'diffusion'],
  startsIn: ({ startFrom }) => (startFrom === 'trained' ? ['msi'] : []),
  // Its subject is not among the faces that it is validated on.
  forValidation: config => ({ ...config, subject: 'everybody', dropout: 0 }),
  async build(setup) {
    const { config, model, networks, faces, paths } = setup
    const frozen = await openFrozen(setup)
    const subjects = facesOf(config.subject, faces.entries)
    const cache = await frozen.cache({
      faces: subjects,
      mirrored: config.flip,
      features: model.msi.variant === 'patch' ? 'tokens' : 'means',
    })
    const base = await baseWeights(model, networks, paths)
    const count = Math.min(6, frozenBatchSize(faces.size), subjects.length)
    const chosen = spread(count, subjects.length).map(i => subjects[i]!)
    const shown = await faces.faces(chosen)
    const own = faces.hasLatents ? await faces.latents(chosen) : undefined
    const process = { prompt: model.prompt, schedule: frozen.schedule }
    const options = { ...config, ...frozen.structure }
    const task = {
      ...(msiTask(networks, base, process, cache, options) as TrainingTask),
      demo: msiDemo(networks, base, process, frozen.networks, { faces: shown, own }),
    }
    const close = async () => {
      frozen.dispose()
      tf.dispose([base, shown, own] as tf.TensorContainer)
      await cache.close()
    }
    return { task, close }
  },
  trainedWeights: ({ model, networks }) => loadNetworkWeights(model, 'msi', networks.msi.parameters),
}
