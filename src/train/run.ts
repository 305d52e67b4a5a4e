/** A training run from its config: opens the data, builds the task, trains it. */
import { basename, resolve } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { flatten } from '../config/flatten.ts'
import type { ModelConfig } from '../config/model.ts'
import { loadNetworkWeights } from '../config/model-weights.ts'
import type { TrainConfig } from '../config/train.ts'
import { FaceStore } from '../data/face-store.ts'
import { normal } from '../data/random.ts'
import { sample } from '../diffusion/ddim.ts'
import { ddimSteps, noiseSchedule } from '../diffusion/schedule.ts'
import { UserError } from '../errors.ts'
import { loadFeatureNetwork } from '../faces/features.ts'
import { loadRecognizer } from '../faces/recognizers.ts'
import {
  type LatentDiffusion,
  latentDiffusion,
  parametersOf,
  prefixes,
  unconditionalEmbedding,
  withoutPrefix,
  withPrefix,
} from '../models/latent-diffusion.ts'
import type { Weights } from '../models/module.ts'
import { openTrackers } from '../tracking/open.ts'
import { sha256 } from '../weights/checksum.ts'
import { autoencoderTask } from './autoencoder.ts'
import { loadAverage } from './checkpoint.ts'
import { diffusionTask } from './diffusion.ts'
import { lastCheckpoint } from './keep.ts'
import { LatentCache } from './latents.ts'
import { type StepReport, train } from './loop.ts'
import { msiTask } from './msi.ts'
import { changes, checkResume, type ResolvedConfig } from './resume.ts'
import type { TrainingTask } from './task.ts'

export interface RunPaths {
  /** Prepared faces to train on. */
  readonly faces: readonly string[]
  /** Where checkpoints, log and demos go. */
  readonly out: string
  /** Prepared faces of other people, whose loss says which checkpoint is best. */
  readonly validate?: readonly string[]
  /** The run that trained the autoencoder; the model's own weights are taken where it is absent. */
  readonly autoencoder?: string
  /** The run that trained the noise predictor, for MSI; the model's own weights are taken where it is absent. */
  readonly diffusion?: string
}

export interface RunEvents {
  /** Frozen networks being run over all faces, before the first step. */
  readonly onPrepare: (done: number, total: number) => void
  /** The first step is about to be taken, `step` having been taken before. */
  readonly onStart?: (step: number) => void
  readonly onReport: (report: StepReport) => void
  /** Something that the user should know, and that does not stop the run. */
  readonly onNote?: (text: string) => void
}

export interface RunOptions {
  /** Go on from a checkpoint of another config, saying in what it differs. */
  readonly allowChanges?: boolean
  /** Aborted: the run stops after its step, with a checkpoint. */
  readonly signal?: AbortSignal
}

/**
 * Trains what `config` says; a run that was interrupted goes on where its last checkpoint is.
 * @param config with the backend and precision in use, not 'auto'
 * @throws UserError when faces, earlier runs or the scale of the latents do not fit the model, or the run in the folder
 *   was begun with another config
 */
export async function runTraining(
  config: TrainConfig,
  model: ModelConfig,
  paths: RunPaths,
  events: RunEvents,
  { allowChanges = false, signal }: RunOptions = {},
): Promise<void> {
  const networks = latentDiffusion(model)
  const { onStart, onReport, onNote = () => {} } = events
  const tracker = openTrackers(config.tracking, paths.out, onNote)
  const faces = await openFaces(paths.faces, model)
  const others = paths.validate ? await openFaces(paths.validate, model) : undefined
  try {
    const resolved: ResolvedConfig = { train: config, model, data: await checksums(faces, paths) }
    const weights = await train(await buildTask(config, model, networks, faces, paths, events), config, {
      folder: paths.out,
      config: resolved,
      checkResume(before) {
        if (!allowChanges) checkResume(before, resolved)
        else for (const change of changes(before, resolved)) onNote(`goes on with another ${change}`)
      },
      description: {
        name: basename(resolve(paths.out)),
        params: flatten(config),
        tags: { task: config.task, model: model.name, backend: config.backend },
      },
      tracker,
      validation: others && (await buildTask(config, model, networks, others, paths, events)),
      onStart,
      onReport,
      signal,
    })
    tf.dispose(Object.values(weights))
  } finally {
    await faces.close()
    await others?.close()
  }
}

async function openFaces(folders: readonly string[], { name, imageSize }: ModelConfig): Promise<FaceStore> {
  const faces = await FaceStore.open(...folders)
  if (faces.size === imageSize) return faces
  await faces.close()
  throw new UserError(
    `model '${name}' wants faces of ${imageSize} pixels, found ${faces.size} in ${folders[0]}: prepare them with --size ${imageSize}`,
  )
}

/** What the run is computed from besides its config. */
async function checksums(faces: FaceStore, paths: RunPaths): Promise<Record<string, string>> {
  const sums: Record<string, string> = { faces: faces.checksum }
  for (const base of ['autoencoder', 'diffusion'] as const)
    if (paths[base]) sums[base] = await sha256(lastCheckpoint(paths[base]))
  return sums
}

/** The task that `config` names, over frozen networks and data of its own, which stay as long as the process. */
async function buildTask(
  config: TrainConfig,
  model: ModelConfig,
  networks: LatentDiffusion,
  faces: FaceStore,
  paths: RunPaths,
  { onPrepare }: RunEvents,
): Promise<TrainingTask> {
  if (config.task === 'autoencoder') {
    const dlib = await loadRecognizer('dlib')
    const shown = await faces.faces(Array.from({ length: 8 }, (_, i) => Math.floor((i * faces.count) / 8)))
    const features = (images: tf.Tensor4D) => {
      const { embedding, features } = dlib.features(images)
      return [...features, embedding]
    }
    const trained = config.decoderOnly ? await autoencoderWeights(model, networks, paths) : undefined
    return autoencoderTask(networks.autoencoder, faces, shown, config, features, trained) as TrainingTask
  }

  const schedule = noiseSchedule(model.schedule)
  const autoencoder = await autoencoderWeights(model, networks, paths)
  const extractor = await loadFeatureNetwork(model.features, model.msi.featureDims)
  if (config.task === 'diffusion') {
    const cache = await LatentCache.build(faces, networks.autoencoder, autoencoder, extractor, model, onPrepare)
    if (Math.abs(Math.log(cache.deviation)) > 0.05) {
      const right = (model.scaleFactor / cache.deviation).toPrecision(4)
      throw new UserError(
        `the latents of these faces have standard deviation ${cache.deviation.toFixed(3)}, expected 1: set scaleFactor: ${right} in the model '${model.name}'`,
      )
    }
    const demo = sampler(model, networks, autoencoder, config.seed)
    return diffusionTask(networks, model.prompt, schedule, cache, config, demo) as TrainingTask
  }
  const cache = await LatentCache.build(
    faces,
    networks.autoencoder,
    autoencoder,
    extractor,
    { scaleFactor: model.scaleFactor, withFeatures: true, mirrored: false },
    onPrepare,
  )
  const frozen = await baseWeights(model, networks, paths)
  return msiTask(networks, frozen, model.prompt, schedule, cache, config) as TrainingTask
}

/** The autoencoder's weights: averaged ones of the run that trained it, or the model's own where no run is named. */
async function autoencoderWeights(model: ModelConfig, networks: LatentDiffusion, paths: RunPaths): Promise<Weights> {
  const parameters = parametersOf(networks).autoencoder
  if (!paths.autoencoder) return loadNetworkWeights(model, 'autoencoder', parameters)
  return loadAverage(lastCheckpoint(paths.autoencoder), parameters)
}

/** The weights of noise predictor and text transformer, in the same way. */
async function baseWeights(
  model: ModelConfig,
  networks: LatentDiffusion,
  paths: RunPaths,
): Promise<Record<'unet' | 'text', Weights>> {
  const { unet, text } = parametersOf(networks)
  if (!paths.diffusion) {
    return {
      unet: await loadNetworkWeights(model, 'unet', unet),
      text: await loadNetworkWeights(model, 'text', text),
    }
  }
  const parameters = { ...withPrefix(unet, prefixes.unet), ...withPrefix(text, prefixes.text) }
  const base = await loadAverage(lastCheckpoint(paths.diffusion), parameters)
  return { unet: withoutPrefix(base, prefixes.unet), text: withoutPrefix(base, prefixes.text) }
}

/** Draws 2 x 8 faces under the empty prompt, always from the same noise. */
function sampler(
  model: ModelConfig,
  { autoencoder, unet, text }: LatentDiffusion,
  decoder: Weights,
  seed: number,
): (weights: Weights) => Promise<Record<string, tf.Tensor5D>> {
  const [rows, columns, steps] = [2, 8, 20]
  const n = rows * columns
  const side = model.imageSize / autoencoder.factor
  return async weights => {
    const samples = tf.tidy(() => {
      const unetWeights = withoutPrefix(weights, prefixes.unet)
      const empty = unconditionalEmbedding(text, withoutPrefix(weights, prefixes.text), model.prompt)
      const context = tf.tile(empty, [n, 1, 1])
      const noise = normal([n, side, side, model.autoencoder.latentChannels], seed, 'demo') as tf.Tensor4D
      const clean = sample(
        (z, t) => unet(unetWeights, z, tf.fill([n], t), context),
        noise,
        ddimSteps(noiseSchedule(model.schedule), steps),
      )
      const images = tf.clipByValue(autoencoder.decode(decoder, tf.mul(clean, 1 / model.scaleFactor)), -1, 1)
      return tf.reshape(images, [rows, columns, model.imageSize, model.imageSize, 3]) as tf.Tensor5D
    })
    return { samples }
  }
}
