/** What training takes: a few steps of it, run without values. */
import * as tf from '@tensorflow/tfjs'
import type { ModelConfig } from '../config/model.ts'
import type { TrainConfig } from '../config/train.ts'
import { noiseSchedule } from '../diffusion/schedule.ts'
import { featureNetwork } from '../faces/features.ts'
import { generatorOver } from '../faces/generator.ts'
import { recognizerNetworks } from '../faces/recognizers.ts'
import { splitMoments } from '../models/autoencoder.ts'
import { generatorParts } from '../models/generator/generator.ts'
import { styleRows, styleWidth } from '../models/generator/synthesis.ts'
import { type LatentDiffusion, latentDiffusion, parametersOf } from '../models/latent-diffusion.ts'
import { adamWStart } from '../train/adamw.ts'
import { meanGradient } from '../train/gradient.ts'
import { frozenBatchSize } from '../train/latents.ts'
import { asPerceptual, perceptualNetworksOf } from '../train/perceptual.ts'
import { advance, disposeRun, namedState, type RunState, WeightVector } from '../train/state.ts'
import type { TrainingTask } from '../train/task.ts'
import { autoencoderTask } from '../train/tasks/autoencoder.ts'
import { diffusionTask } from '../train/tasks/diffusion.ts'
import { encoderTask } from '../train/tasks/encoder.ts'
import { inVariant, msiTask } from '../train/tasks/msi.ts'
import { OutlineWeights, outlineFaces } from './outlines.ts'
import type { Plan, PlannedNetwork } from './plan.ts'
import { type CountOptions, countedRun, type EndStage, outline } from './shape-backend.ts'

/** Steps that are counted: enough that MSI, whose steps differ, reads every depth. */
const countedSteps = 10

/** Plans a training run without its demos: what the frozen networks make, the first steps and a checkpoint. */
export async function planTraining(config: TrainConfig, base: ModelConfig, options: CountOptions = {}): Promise<Plan> {
  const model = inVariant(base, config)
  const weights = new OutlineWeights()
  const shapes = new Map<string, readonly number[]>()
  const trained: PlannedNetwork[] = []
  const stages = await countedRun(async endStage => {
    const task = taskOf(config, model, weights, shapes, endStage)
    const vector = new WeightVector(task.parameters)
    const decayMask = vector.decayMask()
    const values = () => outline<tf.Tensor1D>([vector.length])
    let state: RunState = { weights: values(), average: values(), adam: adamWStart(vector.length) }
    trained.push({ name: `${task.name}, trained`, parameters: task.parameters })
    endStage('start')
    for (let step = 0; step < countedSteps; step++) {
      const batches: tf.TensorContainer[] = []
      while (batches.length < config.accumulate)
        batches.push(await task.batch(step * config.accumulate + batches.length))
      const named = vector.split(state.weights)
      const { loss, parts, gradient } = meanGradient(task, vector, named, batches, step * config.accumulate)
      const next = advance(state, gradient, config.learningRate.peak, config, decayMask)
      tf.dispose([...Object.values(named), gradient])
      disposeRun(state)
      tf.dispose([loss, next.gradientNorm, ...Object.values(parts), batches] as tf.TensorContainer)
      state = next.state
    }
    endStage(`${countedSteps} of ${config.steps} steps`)
    namedState(state, vector)
    endStage('checkpoint')
  }, options)
  const title = `train ${config.task} of ${model.name} with batches of ${config.batchSize}`
  return { title, networks: [...weights.networks, ...trained], shapes, stages }
}

/** The task over outlines of its frozen networks and of its data. */
function taskOf(
  config: TrainConfig,
  model: ModelConfig,
  weights: OutlineWeights,
  shapes: Map<string, readonly number[]>,
  endStage: EndStage,
): TrainingTask {
  const networks = latentDiffusion(model)
  const parameters = parametersOf(networks)
  const faces = {
    count: frozenBatchSize(model.imageSize),
    faces: async (rows: readonly number[]) => outlineFaces(rows.length, model),
  }
  shapes.set('faces', [config.batchSize, model.imageSize, model.imageSize, 3])
  if (config.task === 'autoencoder') {
    const perceptual = perceptualNetworksOf(config).map(name => {
      const { parameters, over } = recognizerNetworks[name]
      return asPerceptual(over(weights.of(parameters, `${name}, for the loss`)))
    })
    const trained = config.decoderOnly ? weights.of(parameters.autoencoder, 'autoencoder') : undefined
    const task = autoencoderTask(networks.autoencoder, faces, outlineFaces(8, model), config, { perceptual, trained })
    return task as TrainingTask
  }
  if (config.task === 'encoder') {
    const parts = generatorParts()
    const generator = generatorOver(parts, {
      synthesis: weights.of(parts.synthesis.parameters, 'generator'),
      mapping: weights.of(parts.mapping.parameters, 'mapping'),
      latentSpace: weights.of(parts.latentSpace.toStyles.parameters, 'latent space'),
    })
    const latents = async (rows: readonly number[]) => outline<tf.Tensor4D>([rows.length, styleRows, 1, styleWidth])
    const photos = config.photos.length > 0 ? faces : undefined
    return encoderTask(generator, { ...faces, latents }, photos, config) as TrainingTask
  }

  const frozen = frozenOutputs(model, networks, weights)
  endStage('frozen networks')
  shapes.set('latents', [config.batchSize, ...frozen.latent])
  const batch = (rows: readonly number[], shape: readonly number[]) => outline([rows.length, ...shape])
  const schedule = noiseSchedule(model.schedule)
  if (config.task === 'diffusion') {
    const cache = {
      count: frozenBatchSize(model.imageSize),
      embeddingWidth: frozen.embedding[0]!,
      batch: async (rows: readonly number[]) => ({
        latents: batch(rows, frozen.latent) as tf.Tensor4D,
        embeddings: batch(rows, frozen.embedding) as tf.Tensor2D,
      }),
    }
    return diffusionTask(networks, { prompt: model.prompt, schedule }, cache, config) as TrainingTask
  }
  const tokens = frozen.features.map(([t, c]) => [model.msi.variant === 'patch' ? t! : 1, c!])
  for (const [k, shape] of tokens.entries()) shapes.set(`features ${k}`, [config.batchSize, ...shape])
  const cache = {
    count: frozenBatchSize(model.imageSize),
    featured: async (rows: readonly number[]) => ({
      latents: batch(rows, frozen.latent) as tf.Tensor4D,
      features: tokens.map(shape => batch(rows, shape) as tf.Tensor3D),
    }),
  }
  const base = {
    unet: weights.of(parameters.unet, 'noise predictor'),
    text: weights.of(parameters.text, 'text transformer'),
  }
  return msiTask(networks, base, { prompt: model.prompt, schedule }, cache, config) as TrainingTask
}

/** Runs the frozen networks over as many faces as they see at once. @returns shapes for one face */
function frozenOutputs(model: ModelConfig, networks: LatentDiffusion, weights: OutlineWeights) {
  const { parameters, over } = featureNetwork(model.features)
  const featureNet = over(weights.of(parameters, `features (${model.features.network})`))
  const ofAutoencoder = weights.of(parametersOf(networks).autoencoder, 'autoencoder')
  const faces = outlineFaces(frozenBatchSize(model.imageSize), model)
  const { embedding, features } = featureNet.features(faces)
  const moments = networks.autoencoder.encode(ofAutoencoder, faces)
  const { mean, logVariance } = splitMoments(moments)
  tf.dispose([faces, embedding, ...features, moments, mean, logVariance])
  const row = ({ shape }: tf.Tensor): readonly number[] => shape.slice(1)
  return { latent: row(mean), embedding: row(embedding), features: features.map(row) }
}
