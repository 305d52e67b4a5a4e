/**
 * Trains the noise predictor and the text transformer on latents of faces. The prompt's placeholder carries a projection
 * of the face's identity embedding, or the prompt is empty, so that the slot becomes a space in which MSI can invert.
 */
import * as tf from '@tensorflow/tfjs'
import type { ModelConfig } from '../../config/model.ts'
import { sample } from '../../diffusion/ddim.ts'
import { ddimSteps, type NoiseSchedule, noiseSchedule } from '../../diffusion/schedule.ts'
import { spreadRows } from '../../models/generator/latent-space.ts'
import {
  conditionalEmbedding,
  type LatentDiffusion,
  type LatentDiffusionConfig,
  prefixes,
  unconditionalEmbedding,
} from '../../models/latent-diffusion.ts'
import { latentTransformerZeros } from '../../models/latent-transformer.ts'
import { linear } from '../../models/layers.ts'
import type { Weights } from '../../models/module.ts'
import { withoutPrefix, withPrefix } from '../../models/module.ts'
import { normal, RandomStream } from '../../util/random.ts'
import { baseWeights } from '../bases.ts'
import { batchIndices } from '../batches.ts'
import { frozenBatchSize, type LatentCache, type LatentStructure } from '../latents.ts'
import { facesOf } from '../people.ts'
import type { TrainingTask } from '../task.ts'
import type { ConfigOf, TaskDefinition } from './definition.ts'
import { checkDeviation, openFrozen } from './frozen.ts'

export interface DiffusionTaskOptions extends LatentStructure {
  readonly seed: number
  readonly batchSize: number
  /** Share of faces whose prompt is empty. */
  readonly emptyPrompts: number
  /** gamma of lossWeight; equal weights for all timesteps without it. */
  readonly minSnr?: number
  readonly loss?: LossTarget
  /** Whether embeddings are brought to mean 0 and deviation 1 over all faces of the cache. */
  readonly standardizeEmbeddings?: boolean
}

/** What a noise predictor is trained under. */
export interface DiffusionProcess {
  /** Token ids, and where the placeholder is among them. */
  readonly prompt: LatentDiffusionConfig['prompt']
  readonly schedule: NoiseSchedule
}

/** Whose squared error is the loss. */
export type LossTarget = 'noise' | 'velocity'

/** Parameters that start at zero: last layers of the UNet's residual branches, and what opens those of the transformer. */
const zero = new RegExp(
  `(\\.out_layers\\.3|\\.proj_out|diffusion_model\\.out\\.2)\\.weight$|diffusion_model.*${latentTransformerZeros.source}`,
)

/** The projection from identity embeddings to the slot; it exists only while the base model is trained. */
const identityProjection = (embeddingWidth: number, slotWidth: number) =>
  linear('identity_projection', embeddingWidth, slotWidth)

interface Batch extends tf.TensorContainerObject {
  latents: tf.Tensor4D
  embeddings: tf.Tensor2D
}

/**
 * @param cache frozen latents and identity embeddings of the faces
 */
export function diffusionTask(
  { unet, text }: Pick<LatentDiffusion, 'unet' | 'text'>,
  { prompt, schedule }: DiffusionProcess,
  cache: Pick<LatentCache, 'count' | 'batch' | 'embeddingWidth'> & Partial<Pick<LatentCache, 'embeddings'>>,
  options: DiffusionTaskOptions,
): TrainingTask<Batch> {
  const { seed, batchSize, emptyPrompts, minSnr, loss: target } = options
  const slotWidth = text.parameters['embeddings.token_embedding.weight']![1]!
  const project = identityProjection(cache.embeddingWidth, slotWidth)
  return {
    name: 'diffusion',
    parameters: {
      ...withPrefix(unet.parameters, prefixes.unet),
      ...withPrefix(text.parameters, prefixes.text),
      ...project.parameters,
    },
    zero,

    async batch(step) {
      const { latents, embeddings } = await cache.batch(batchIndices(step, batchSize, cache.count, seed))
      if (!options.standardizeEmbeddings || !cache.embeddings) return { latents, embeddings }
      const { mean, deviation } = cache.embeddings
      const standard = tf.tidy(() => tf.div(tf.sub(embeddings, mean), deviation)) as tf.Tensor2D
      embeddings.dispose()
      return { latents, embeddings: standard }
    },

    loss(weights, { latents, embeddings }, step) {
      const random = new RandomStream(seed, 'timesteps', step)
      const timesteps = Array.from({ length: batchSize }, () => random.integer(schedule.steps))
      const named = Array.from({ length: batchSize }, () => (random.uniform() < emptyPrompts ? 0 : 1))

      const textWeights = withoutPrefix(weights, prefixes.text)
      const conditional = conditionalEmbedding(text, textWeights, prompt, project(weights, embeddings) as tf.Tensor2D)
      const empty = unconditionalEmbedding(text, textWeights, prompt)
      const isNamed = tf.tensor3d(named, [batchSize, 1, 1])
      const context = tf.add(tf.mul(conditional, isNamed), tf.mul(empty, tf.sub(1, isNamed))) as tf.Tensor3D

      const loss = noisePredictionLoss(
        unet,
        withoutPrefix(weights, prefixes.unet),
        schedule,
        { latents, timesteps, context },
        { ...options, step, weight: t => lossWeight(schedule, t, minSnr, target) },
      )
      return { loss, parts: {} }
    },
  }
}

/**
 * What the squared error of a noise prediction at timestep `t` counts: min(SNR, gamma) / SNR with SNR = abar / (1 - abar)
 * (Hang et al. 2023, equation 6 for noise). Errors that hardly move the clean latent then count little, and what a face looks
 * like as a whole is learnt sooner. 1 without a gamma. As a loss of velocity, v = sqrt(abar) eps - sqrt(1 - abar) z_0, that times
 * 1 / abar: z_t being given, an error of eps is sqrt(abar) times one of v.
 */
export function lossWeight(
  { alphasCumprod }: NoiseSchedule,
  t: number,
  gamma = Number.POSITIVE_INFINITY,
  target: LossTarget = 'noise',
): number {
  const alpha = alphasCumprod[t]!
  return Math.min(1, (gamma * (1 - alpha)) / alpha) / (target === 'velocity' ? alpha : 1)
}

/** What noise is added to. */
export interface NoisyBatch {
  /** z_0 [n, l, l, z]. */
  readonly latents: tf.Tensor4D
  /** n of them. */
  readonly timesteps: readonly number[]
  /** [n, p, d]. */
  readonly context: tf.Tensor3D
}

export interface NoiseLossOptions extends LatentStructure {
  /** Of the noise, which the training `step` keys. */
  readonly seed: number
  readonly step: number
  /** Of a timestep's error; 1 by default. */
  readonly weight?: (t: number) => number
}

/**
 * Mean squared error between the noise in z_t and its prediction (Ho et al. 2020, equation 14).
 */
export function noisePredictionLoss(
  unet: LatentDiffusion['unet'],
  weights: Weights,
  { alphasCumprod }: NoiseSchedule,
  { latents, timesteps, context }: NoisyBatch,
  { seed, step, weight = () => 1, rowGroups, channelWeights }: NoiseLossOptions,
): tf.Scalar {
  const column = (f: (t: number) => number) => tf.tensor4d(timesteps.map(f), [timesteps.length, 1, 1, 1])
  const noise = latentNoise(latents.shape, rowGroups, seed, 'noise', step)
  const signalScale = column(t => Math.sqrt(alphasCumprod[t]!))
  const noiseScale = column(t => Math.sqrt(1 - alphasCumprod[t]!))
  const noisy = tf.add(tf.mul(latents, signalScale), tf.mul(noise, noiseScale)) as tf.Tensor4D
  const predicted = unet(weights, noisy, tf.tensor1d([...timesteps]), context)
  const squares = tf.mul(tf.square(tf.sub(predicted, noise)), column(weight))
  return tf.mean(channelWeights ? tf.mul(squares, channelWeights) : squares)
}

/** Standard normal noise [n, h, w, z] of the stream (seed, ...key), one draw for all rows of a group. */
export function latentNoise(
  [n, h, w, z]: tf.Tensor4D['shape'],
  rowGroups: readonly number[] | undefined,
  seed: number,
  ...key: readonly (string | number)[]
): tf.Tensor4D {
  if (!rowGroups) return normal([n, h, w, z], seed, ...key) as tf.Tensor4D
  return tf.tidy(() => spreadRows(normal([n, rowGroups.length, w, z], seed, ...key), rowGroups))
}

export const diffusion: TaskDefinition<ConfigOf<'diffusion'>> = {
  bases: ({ startFrom }) => (startFrom === 'trained' ? ['autoencoder', 'diffusion'] : ['autoencoder']),
  forValidation: config => config,
  async build(setup) {
    const { config, model, networks, faces } = setup
    const frozen = await openFrozen(setup)
    const cache = await frozen.cache({
      faces: facesOf('everybody', faces.entries),
      mirrored: !faces.hasLatents,
      features: 'none',
    })
    const close = async () => {
      frozen.dispose()
      await cache.close()
    }
    try {
      checkDeviation(cache.deviation, model)
    } catch (error) {
      await close()
      throw error
    }
    const demo = sampler(model, networks, frozen.networks.decode, config.seed)
    const options = { ...config, ...frozen.structure }
    const { prompt } = model
    const task = diffusionTask(networks, { prompt, schedule: frozen.schedule }, cache, options) as TrainingTask
    return { task: { ...task, demo }, close }
  },
  async trainedWeights({ model, networks, paths }) {
    const { unet, text } = await baseWeights(model, networks, paths)
    return { ...withPrefix(unet, prefixes.unet), ...withPrefix(text, prefixes.text) }
  },
}

/** Draws 2 x 8 faces under the empty prompt, always from the same noise, no more at a time than frozen networks are run on. */
function sampler(
  model: ModelConfig,
  { autoencoder, unet, text }: LatentDiffusion,
  decode: (latents: tf.Tensor4D) => tf.Tensor4D,
  seed: number,
): (weights: Weights) => Promise<Record<string, tf.Tensor5D>> {
  const [rows, columns, steps] = [2, 8, 20]
  const n = rows * columns
  const most = frozenBatchSize(model.imageSize)
  const sizes = Array.from({ length: Math.ceil(n / most) }, (_, i) => Math.min(most, n - i * most))
  const latentShape = autoencoder.latentShape(model.imageSize)
  return async weights => {
    const samples = tf.tidy(() => {
      const unetWeights = withoutPrefix(weights, prefixes.unet)
      const empty = unconditionalEmbedding(text, withoutPrefix(weights, prefixes.text), model.prompt)
      const noise = latentNoise([n, ...latentShape], autoencoder.rowGroups, seed, 'demo')
      const draw = (noise: tf.Tensor4D) => {
        const count = noise.shape[0]
        const context = tf.tile(empty, [count, 1, 1])
        const clean = sample(
          (z, t) => unet(unetWeights, z, tf.fill([count], t), context),
          noise,
          ddimSteps(noiseSchedule(model.schedule), steps),
        )
        return tf.clipByValue(decode(clean), -1, 1)
      }
      const images = tf.concat((tf.split(noise, sizes) as tf.Tensor4D[]).map(part => tf.tidy(() => draw(part))))
      return tf.reshape(images, [rows, columns, model.imageSize, model.imageSize, 3]) as tf.Tensor5D
    })
    return { samples }
  }
}
