import * as tf from '@tensorflow/tfjs'
import { loadModelConfig, type ModelConfig } from '../config/model.ts'
import { type NoiseSchedule, noiseSchedule } from '../diffusion/schedule.ts'
import type { Alignment } from '../faces/alignment.ts'
import { loadFeatureNetwork } from '../faces/features.ts'
import { loadInversionEncoder } from '../faces/generator.ts'
import { describeFaces, loadFaceDescriber, loadLatentBank } from '../faces/latent-bank.ts'
import { scaledLatents } from '../models/autoencoder.ts'
import type { FeatureNetwork } from '../models/clip-features.ts'
import { invertFaces } from '../models/generator/inversion.ts'
import { tieRows } from '../models/generator/latent-space.ts'
import {
  conditionalEmbedding,
  type LatentDiffusion,
  latentDiffusion,
  type NetworkName,
  parametersOf,
  unconditionalEmbedding,
} from '../models/latent-diffusion.ts'
import { refineLatents } from '../models/latent-optimization.ts'
import type { Weights } from '../models/module.ts'
import { allBuckets } from '../models/msi.ts'
import type { DlibRecognizer } from '../models/recognizers/dlib.ts'
import type { PerturbedBlocks } from '../models/unet.ts'
import { UserError } from '../util/errors.ts'
import { oncePer } from '../util/memoize.ts'
import { loadModelWeights } from './model-weights.ts'

/** A loaded model, as the tasks use it. Faces are [n, s, s, 3] in [-1, 1], latents [n, l, l, z] of unit variance. */
export interface FaceModel {
  readonly name: string
  /** SHA-256 of the weights file; of the SHA-256s where there are several. */
  readonly sha256: string
  readonly imageSize: number
  /** [l, l, z]. */
  readonly latentShape: readonly [number, number, number]
  /** How faces are cut out of photos. */
  readonly alignment: Alignment
  /** Sides that `decode` can give, ascending. */
  readonly outputSizes: readonly number[]
  /** Where latents are rows of a generator's styles: how many rows move together, group by group. */
  readonly rowGroups?: readonly number[]
  /** d, the width of a placeholder vector. */
  readonly placeholderWidth: number
  readonly schedule: NoiseSchedule
  /** Refined where the model's config says so, through the decoder and back at every step. */
  encode(faces: tf.Tensor4D): tf.Tensor4D
  /**
   * Differentiable; values may leave [-1, 1] a little.
   * @param size side of the pictures, `imageSize` by default; a generator has several
   */
  decode(latents: tf.Tensor4D, size?: number): tf.Tensor4D
  /** Latents of the `count` generated faces most like a face [1, s, s, 3], nearest first: [count, h, w, c]. */
  generatedLike?(face: tf.Tensor4D, count: number): tf.Tensor4D
  /** The ten placeholder vectors of one face [1, s, s, 3], [10, d]: what of the face its key holds. */
  placeholders(face: tf.Tensor4D): tf.Tensor2D
  /** c_0..c_9 from placeholder vectors, [1, p, d] each. */
  conditional(vectors: tf.Tensor2D): tf.Tensor3D[]
  /** u, [1, p, d]; the model's own, not to be disposed of. */
  readonly unconditional: tf.Tensor3D
  /** eps(z, t, c); the context [1, p, d] serves all n latents. Self-attention of the `perturbed` blocks is out of work. */
  predictNoise(latents: tf.Tensor4D, timestep: number, context: tf.Tensor3D, perturbed?: PerturbedBlocks): tf.Tensor4D
}

/**
 * Loads a model with its weights.
 * @throws UserError when the weights are absent, have another checksum than the config says, or do not fit it
 */
export async function loadModel(name: string): Promise<FaceModel> {
  const config = await loadModelConfig(name)
  const networks = latentDiffusion(config)
  const { weights, sha256 } = await loadModelWeights(config, parametersOf(networks))
  const guess = networks.autoencoder.rowGroups && (await loadLatentGuess(networks.autoencoder.rowGroups))
  const features = await loadFeatureNetwork(config.features, config.msi.featureDims)
  return assembleModel({ config, sha256, networks, weights, features, guess })
}

/** What knows the latents of a generator's faces; both give latents as `fromGenerated` takes them. */
interface LatentGuess {
  /** Of faces [n, s, s, 3], to start inversion in. */
  encode(faces: tf.Tensor4D): tf.Tensor4D
  /** Of the `count` generated faces most like a face [1, s, s, 3], nearest first. */
  like(face: tf.Tensor4D, count: number): tf.Tensor4D
}

async function loadLatentGuess(groups: readonly number[]): Promise<LatentGuess> {
  const [bank, describer] = [(await loadLatentBank())(groups), await loadFaceDescriber()]
  return {
    encode: await loadInversionEncoder(),
    like: (face, count) => tf.tidy(() => bank.nearest(describeFaces(describer, face), count)),
  }
}

/** What a model is assembled from. */
export interface ModelParts {
  readonly config: ModelConfig
  readonly sha256: string
  readonly networks: LatentDiffusion
  /** Of each network. */
  readonly weights: Record<NetworkName, Weights>
  /** That whose features MSI reads. */
  readonly features: FeatureNetwork
  /** Of a generator's latents; without it inversion starts at their mean. */
  readonly guess?: LatentGuess | undefined
}

/** The model over the weights of its networks. */
export function assembleModel({
  config,
  sha256,
  networks,
  weights: of,
  features: network,
  guess,
}: ModelParts): FaceModel {
  const { autoencoder, unet, text, msi } = networks
  const { scaleFactor, prompt } = config
  const latents = scaledLatents(autoencoder, of.autoencoder, scaleFactor)
  return {
    name: config.name,
    sha256,
    imageSize: config.imageSize,
    latentShape: autoencoder.latentShape(config.imageSize),
    placeholderWidth: config.msi.dim,
    alignment: config.alignment,
    outputSizes: autoencoder.sizes ?? [config.imageSize],
    ...(autoencoder.rowGroups && { rowGroups: autoencoder.rowGroups }),
    schedule: noiseSchedule(config.schedule),
    ...refined(config, latents, network, autoencoder.rowGroups, guess),
    ...(guess && { generatedLike: (face, count) => tf.tidy(() => latents.fromGenerated(guess.like(face, count))) }),
    placeholders: face =>
      tf.tidy(() => tf.squeeze(allBuckets(msi, of.msi, network.features(face).features), [0]) as tf.Tensor2D),
    conditional: vectors =>
      tf.tidy(() => tf.split(conditionalEmbedding(text, of.text, prompt, vectors), vectors.shape[0]) as tf.Tensor3D[]),
    unconditional: tf.keep(unconditionalEmbedding(text, of.text, prompt)),
    predictNoise: (latents, timestep, context, perturbed) =>
      tf.tidy(() => {
        const n = latents.shape[0]
        return unet(of.unet, latents, tf.fill([n], timestep), tf.tile(context, [n, 1, 1]), perturbed)
      }),
  }
}

/** The autoencoder with the refinement of its latents that the model's config asks for. */
function refined(
  { name, refinement, inversion }: ModelConfig,
  latents: ReturnType<typeof scaledLatents>,
  network: FeatureNetwork,
  groups?: readonly number[],
  guess?: LatentGuess,
): Pick<FaceModel, 'encode' | 'decode'> {
  if (inversion) {
    const { encode, decode, fromGenerated } = latents
    const first = guess ? (faces: tf.Tensor4D) => fromGenerated(guess.encode(faces)) : encode
    const project = groups && { project: (gradient: tf.Tensor4D) => tieRows(gradient, groups) }
    const decodeTo = (z: tf.Tensor4D) => decode(z, inversion.size)
    return { encode: faces => tf.tidy(() => invertFaces(first(faces), faces, decodeTo, inversion, project)), decode }
  }
  if (!refinement) return latents
  const { encode, decode } = latents
  if (refinement.featureWeight > 0 && !('perceive' in network))
    throw new UserError(
      `model '${name}': refinement.featureWeight is of dlib's features, found those of ${network.name}: leave it out`,
    )
  const features = (faces: tf.Tensor4D) => (network as DlibRecognizer).perceive(faces).features
  return { encode: faces => tf.tidy(() => refineLatents(encode(faces), faces, decode, features, refinement)), decode }
}

/** A model whose weights are read once a process: for workers, which do many jobs. @throws UserError as `loadModel` */
export const loadModelOnce = oncePer(loadModel)
