/** A training run from its config: opens the data, builds the task, trains it. */
import { basename, join, resolve } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import type { ModelConfig } from '../config/model.ts'
import type { TrainConfig } from '../config/train.ts'
import { checkFaceSize, FaceStore } from '../data/face-store.ts'
import { sample } from '../diffusion/ddim.ts'
import { ddimSteps, noiseSchedule } from '../diffusion/schedule.ts'
import { loadFeatureNetwork } from '../faces/features.ts'
import { loadEncoderWeights, loadGenerator } from '../faces/generator.ts'
import { loadRecognizer } from '../faces/recognizers.ts'
import { scaledLatents } from '../models/autoencoder.ts'
import {
  type LatentDiffusion,
  latentDiffusion,
  parametersOf,
  prefixes,
  unconditionalEmbedding,
} from '../models/latent-diffusion.ts'
import type { Weights } from '../models/module.ts'
import { withoutPrefix, withPrefix } from '../models/module.ts'
import { loadNetworkWeights, networkChecksum } from '../pipeline/model-weights.ts'
import { openTrackers } from '../tracking/open.ts'
import { UserError } from '../util/errors.ts'
import { withLock } from '../util/lock.ts'
import { sha256 } from '../weights/checksum.ts'
import { flatten } from '../yaml/merge.ts'
import { autoencoderTask } from './autoencoder.ts'
import { loadAverage } from './checkpoint.ts'
import { diffusionTask, type LatentStructure, latentNoise } from './diffusion.ts'
import { encoderTask } from './encoder.ts'
import { checkpointToResume, lastCheckpoint } from './keep.ts'
import { frozenBatchSize, LatentCache, type LatentOptions } from './latents.ts'
import { type StepReport, train } from './loop.ts'
import { msiDemo, msiTask } from './msi.ts'
import { checkOtherPeople, facesOf } from './people.ts'
import { asPerceptual, perceptualNetworksOf } from './perceptual.ts'
import { changes, checkResume, type ResolvedConfig, threadsChange, threadsOf } from './resume.ts'
import type { TrainingTask } from './task.ts'

export interface RunPaths {
  /** Prepared faces to train on. */
  readonly faces: readonly string[]
  /** Where checkpoints, log and demos go. */
  readonly out: string
  /** Prepared faces of other people, whose loss says which checkpoint is best. */
  readonly validate?: readonly string[]
  /** Where frozen latents and features are kept, which runs may share; in `out` unless given. */
  readonly cache?: string
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
  /** A checkpoint to resume from instead of the last in the run's folder. */
  readonly resumeFrom?: string | undefined
  /** Resume from a checkpoint of another config and report the differences. */
  readonly allowChanges?: boolean
  /** Aborted: the run stops after its step, with a checkpoint. */
  readonly signal?: AbortSignal
}

/**
 * Trains what `config` says; an interrupted run resumes from its last checkpoint.
 * @param config with the backend and precision in use, not 'auto'
 * @throws UserError when faces, earlier runs, the scale of the latents or the variant of trained MSI do not fit the model, people
 *   are both trained and validated on, or the run in the folder was begun with another config or is under way in another process
 */
export async function runTraining(
  config: TrainConfig,
  base: ModelConfig,
  paths: RunPaths,
  events: RunEvents,
  options: RunOptions = {},
): Promise<void> {
  await withLock(join(paths.out, '.lock'), `training in ${paths.out}`, () =>
    trainAlone(config, base, paths, events, options),
  )
}

async function trainAlone(
  config: TrainConfig,
  base: ModelConfig,
  paths: RunPaths,
  events: RunEvents,
  { resumeFrom, allowChanges = false, signal }: RunOptions,
): Promise<void> {
  const model = inVariant(base, config)
  if (config.startFrom === 'trained' && model.msi.variant !== base.msi.variant)
    throw new UserError(
      `expected the variant ${base.msi.variant}, that of the trained MSI of '${base.name}', found ${model.msi.variant}: leave out startFrom`,
    )
  if (paths.validate)
    await checkOtherPeople(paths.faces, paths.validate, config.task === 'msi' ? config.subject : 'everybody')
  const networks = latentDiffusion(model)
  const { onStart, onReport, onNote = () => {} } = events
  const tracker = openTrackers(config.tracking, paths.out, onNote)
  const faces = await openFaces(paths.faces, model)
  const others = paths.validate ? await openFaces(paths.validate, model) : undefined
  const built: Built[] = []
  const build = async (config: TrainConfig, faces: FaceStore) => {
    built.push(await buildTask(config, model, networks, faces, paths, events))
    return built.at(-1)!.task
  }
  let start: Weights = {}
  try {
    const resolved: ResolvedConfig = { train: config, model, data: await checksums(config, model, faces, paths) }
    // Before the frozen networks run over all faces, which can take hours.
    const before = (await checkpointToResume(paths.out, resumeFrom))?.note
    if (before && !allowChanges) checkResume(before.config, resolved)
    if (before) for (const change of changes(before.config, resolved)) onNote(`resumes with another ${change}`)
    const threads = threadsOf(config.backend)
    const otherThreads = threadsChange(before?.threads, threads)
    if (otherThreads) onNote(otherThreads)
    const task = await build(config, faces)
    if (config.startFrom === 'trained') start = await trainedWeights(config, model, networks, paths)
    const weights = await train({ ...task, start: { ...start, ...task.start } }, config, {
      folder: paths.out,
      resumeFrom,
      config: resolved,
      threads,
      description: {
        name: basename(resolve(paths.out)),
        params: flatten(config),
        tags: { task: config.task, model: model.name, backend: config.backend },
        compared: ['loss', 'validationLoss'],
      },
      tracker,
      validation: others && (await build(forValidation(config), others)),
      onStart,
      onReport,
      signal,
    })
    tf.dispose(Object.values(weights))
  } finally {
    tf.dispose(Object.values(start))
    for (const { close } of built) await close()
    await faces.close()
    await others?.close()
  }
}

/** The model with the variant of MSI that is to be trained. */
export function inVariant(model: ModelConfig, config: TrainConfig): ModelConfig {
  if (config.task !== 'msi' || !config.variant) return model
  return { ...model, msi: { ...model.msi, variant: config.variant } }
}

/**
 * The same task as a measure of weights: over faces among which its subject is not, of the whole network, and not against
 * an adversary, whose verdict changes as it learns.
 */
function forValidation(config: TrainConfig): TrainConfig {
  if (config.task === 'msi') return { ...config, subject: 'everybody', dropout: 0 }
  return config.task === 'autoencoder' ? { ...config, adversarialWeight: 0, variation: 0 } : config
}

async function openFaces(folders: readonly string[], model: ModelConfig): Promise<FaceStore> {
  const faces = await FaceStore.open(...folders)
  try {
    checkFaceSize(faces, model)
    return faces
  } catch (error) {
    await faces.close()
    throw error
  }
}

/** What the run is computed from besides its config: faces, and the runs or the model's own weights that it builds upon. */
async function checksums(
  config: TrainConfig,
  model: ModelConfig,
  faces: FaceStore,
  paths: RunPaths,
): Promise<Record<string, string>> {
  const sums: Record<string, string> = { faces: faces.checksum }
  for (const base of basesOf(config)) {
    if (paths[base]) sums[base] = await sha256(lastCheckpoint(paths[base]))
    else for (const network of networksOf[base]) sums[network] = await networkChecksum(model, network)
  }
  if (config.task === 'msi' && config.startFrom === 'trained') sums.msi = await networkChecksum(model, 'msi')
  return sums
}

const networksOf = { autoencoder: ['autoencoder'], diffusion: ['unet', 'text'] } as const

/** What a task builds upon, frozen or as its start. */
function basesOf(config: TrainConfig): readonly ('autoencoder' | 'diffusion')[] {
  const isTrained = config.startFrom === 'trained'
  if (config.task === 'autoencoder') return isTrained || config.decoderOnly ? ['autoencoder'] : []
  if (config.task === 'encoder') return ['autoencoder']
  return config.task === 'msi' || isTrained ? ['autoencoder', 'diffusion'] : ['autoencoder']
}

/** A task, and what frees the frozen networks and data that it is over. */
interface Built {
  readonly task: TrainingTask
  close(): Promise<void>
}

/** The task that `config` names, with its frozen networks and data. */
async function buildTask(
  config: TrainConfig,
  model: ModelConfig,
  networks: LatentDiffusion,
  faces: FaceStore,
  paths: RunPaths,
  events: RunEvents,
): Promise<Built> {
  if (config.task === 'autoencoder') {
    const perceptual = await Promise.all(
      perceptualNetworksOf(config).map(async name => asPerceptual(await loadRecognizer(name))),
    )
    const shown = await faces.faces(spread(8, faces.count))
    const trained = config.decoderOnly ? await autoencoderWeights(model, networks, paths) : undefined
    const task = autoencoderTask(networks.autoencoder, faces, shown, config, perceptual, trained) as TrainingTask
    return { task, close: async () => tf.dispose([shown, trained] as tf.TensorContainer) }
  }
  if (config.task === 'encoder') return buildEncoderTask(config, model, faces)

  const schedule = noiseSchedule(model.schedule)
  const autoencoder = await autoencoderWeights(model, networks, paths)
  const frozen = {
    ...scaledLatents(networks.autoencoder, autoencoder, model.scaleFactor),
    features: (await loadFeatureNetwork(model.features, model.msi.featureDims)).features,
  }
  const channelWeights = weightsOfChannels(networks.autoencoder, autoencoder, config.channelWeighting)
  const structure: LatentStructure = { rowGroups: networks.autoencoder.rowGroups, channelWeights }
  const structureTensors: Weights = channelWeights ? { channelWeights } : {}
  const cacheOf = (options: LatentOptions) =>
    LatentCache.open(paths.cache ?? join(paths.out, 'frozen'), faces, frozen, options, events.onPrepare)
  if (config.task === 'diffusion') {
    const cache = await cacheOf({
      faces: facesOf('everybody', faces.entries),
      mirrored: !faces.hasLatents,
      features: 'none',
    })
    const refusal = refuseDeviation(cache.deviation, model)
    if (refusal) {
      await closeAll(cache, autoencoder)
      throw refusal
    }
    const demo = sampler(model, networks, frozen.decode, config.seed)
    const options = { ...config, ...structure }
    const task = diffusionTask(networks, model.prompt, schedule, cache, options, demo) as TrainingTask
    return { task, close: () => closeAll(cache, autoencoder, structureTensors) }
  }
  const subjects = facesOf(config.subject, faces.entries)
  const cache = await cacheOf({
    faces: subjects,
    mirrored: config.flip,
    features: model.msi.variant === 'patch' ? 'tokens' : 'means',
  })
  const base = await baseWeights(model, networks, paths)
  const count = Math.min(6, frozenBatchSize(faces.size), subjects.length)
  const shown = await faces.faces(spread(count, subjects.length).map(i => subjects[i]!))
  const own = faces.hasLatents ? await faces.latents(spread(count, subjects.length).map(i => subjects[i]!)) : undefined
  const demo = msiDemo(networks, base, model.prompt, schedule, frozen, shown, own)
  const task = msiTask(networks, base, model.prompt, schedule, cache, { ...config, ...structure }, demo) as TrainingTask
  const shownTensors = { shown, ...(own && { own }) }
  return { task, close: () => closeAll(cache, autoencoder, base.unet, base.text, shownTensors, structureTensors) }
}

/** @throws UserError when the faces to train on were not generated */
async function buildEncoderTask(
  config: Extract<TrainConfig, { task: 'encoder' }>,
  model: ModelConfig,
  faces: FaceStore,
): Promise<Built> {
  if (!faces.hasLatents)
    throw new UserError('expected generated faces, which have latents, found others: diff-privacy dataset generate')
  const generator = await loadGenerator()
  const photos = config.photos.length > 0 ? await openFaces(config.photos, model) : undefined
  const store = photos ?? faces
  const shown = await store.faces(spread(8, store.count))
  const task = encoderTask(generator, faces, photos, config, shown) as TrainingTask
  const close = async () => {
    shown.dispose()
    await photos?.close()
  }
  return { task, close }
}

/**
 * Weights of the squared error by channel: a fraction `share` of the loss weighs channels by how much the decoded picture varies
 * along them, the rest weighs them equally.
 * @returns [z], 1 on average; undefined for equal weights
 */
function weightsOfChannels(
  { channelVariances }: LatentDiffusion['autoencoder'],
  weights: Weights,
  share: number,
): tf.Tensor1D | undefined {
  if (!channelVariances || share === 0) return undefined
  return tf.tidy(() => {
    const variances = channelVariances(weights)
    return tf.add(tf.mul(tf.div(variances, tf.mean(variances)), share), 1 - share)
  })
}

async function closeAll(cache: LatentCache, ...weights: readonly Weights[]): Promise<void> {
  for (const tensors of weights) tf.dispose(Object.values(tensors))
  await cache.close()
}

/** `count` numbers spread evenly over 0..total-1. */
function spread(count: number, total: number): number[] {
  return Array.from({ length: count }, (_, i) => Math.floor((i * total) / count))
}

/** What is wrong with latents whose deviation is not near to 1. */
function refuseDeviation(deviation: number, { name, scaleFactor }: ModelConfig): UserError | undefined {
  if (Math.abs(Math.log(deviation)) <= 0.05) return undefined
  const right = (scaleFactor / deviation).toPrecision(4)
  return new UserError(
    `the latents of these faces have standard deviation ${deviation.toFixed(3)}, expected 1: set scaleFactor: ${right} in the model '${name}'`,
  )
}

/** Trained weights of the networks that a task trains, by its names of them. */
async function trainedWeights(
  config: TrainConfig,
  model: ModelConfig,
  networks: LatentDiffusion,
  paths: RunPaths,
): Promise<Weights> {
  if (config.task === 'autoencoder') return autoencoderWeights(model, networks, paths)
  if (config.task === 'msi') return loadNetworkWeights(model, 'msi', networks.msi.parameters)
  if (config.task === 'encoder') return loadEncoderWeights()
  const { unet, text } = await baseWeights(model, networks, paths)
  return { ...withPrefix(unet, prefixes.unet), ...withPrefix(text, prefixes.text) }
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
