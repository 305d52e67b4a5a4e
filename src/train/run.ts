/** A training run from its config: opens the data, builds the task, trains it. */
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import type { ModelConfig } from '../config/model.ts'
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
import type { Shapes, Weights } from '../models/module.ts'
import { autoencoderTask } from './autoencoder.ts'
import { loadAverage } from './checkpoint.ts'
import { diffusionTask } from './diffusion.ts'
import { LatentCache } from './latents.ts'
import { type StepReport, train } from './loop.ts'
import { msiTask } from './msi.ts'
import type { TrainingTask } from './task.ts'

export interface RunPaths {
  /** Prepared faces to train on. */
  readonly faces: readonly string[]
  /** Where checkpoints, log and demos go. */
  readonly out: string
  /** The run that trained the autoencoder; not needed to train one. */
  readonly autoencoder?: string
  /** The run that trained the noise predictor; needed to train MSI. */
  readonly diffusion?: string
}

export interface RunEvents {
  /** Frozen networks being run over all faces, before the first step. */
  readonly onPrepare: (done: number, total: number) => void
  readonly onReport: (report: StepReport) => void
}

/**
 * Trains what `config` says; a run that was interrupted goes on where its last checkpoint is.
 * @throws UserError when faces, earlier runs or the scale of the latents do not fit the model
 */
export async function runTraining(
  config: TrainConfig,
  model: ModelConfig,
  paths: RunPaths,
  events: RunEvents,
): Promise<void> {
  const networks = latentDiffusion(model)
  const faces = await FaceStore.open(...paths.faces)
  if (faces.size !== model.imageSize) {
    throw new UserError(
      `model '${model.name}' wants faces of ${model.imageSize} pixels, found ${faces.size} in ${paths.faces[0]}: prepare them with --size ${model.imageSize}`,
    )
  }
  try {
    const task = await buildTask(config, model, networks, faces, paths, events)
    const weights = await train(task, config, paths.out, { train: config, model }, events.onReport)
    tf.dispose(Object.values(weights))
  } finally {
    await faces.close()
  }
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
    return autoencoderTask(networks.autoencoder, faces, shown, config, features) as TrainingTask
  }

  const parameters = parametersOf(networks)
  const schedule = noiseSchedule(model.schedule)
  const autoencoder = await finishedRun(paths.autoencoder, 'autoencoder', parameters.autoencoder)
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
  const base = await finishedRun(paths.diffusion, 'diffusion', {
    ...withPrefix(parameters.unet, prefixes.unet),
    ...withPrefix(parameters.text, prefixes.text),
  })
  const cache = await LatentCache.build(
    faces,
    networks.autoencoder,
    autoencoder,
    extractor,
    { scaleFactor: model.scaleFactor, withFeatures: true, mirrored: false },
    onPrepare,
  )
  const frozen = { unet: withoutPrefix(base, prefixes.unet), text: withoutPrefix(base, prefixes.text) }
  return msiTask(networks, frozen, model.prompt, schedule, cache, config) as TrainingTask
}

/** Averaged weights of a run that this one builds upon. */
async function finishedRun(folder: string | undefined, name: string, parameters: Shapes): Promise<Weights> {
  if (!folder) throw new UserError(`expected the run that trained the ${name}: give its folder with --${name}`)
  return loadAverage(join(folder, 'last.safetensors'), parameters)
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
