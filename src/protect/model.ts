import * as tf from '@tensorflow/tfjs'
import { loadModelConfig, type ModelConfig } from '../config/model.ts'
import { type NoiseSchedule, noiseSchedule } from '../diffusion/schedule.ts'
import { UserError } from '../errors.ts'
import { loadFeatureNetwork } from '../faces/features.ts'
import { scaledLatents } from '../models/autoencoder.ts'
import type { FeatureNetwork } from '../models/features/feature-network.ts'
import {
  conditionalEmbedding,
  type LatentDiffusion,
  latentDiffusion,
  type NetworkName,
  parametersOf,
  unconditionalEmbedding,
} from '../models/latent-diffusion.ts'
import type { Weights } from '../models/module.ts'
import { allBuckets } from '../models/msi.ts'
import type { PerturbedBlocks } from '../models/perturbed-blocks.ts'
import type { DlibRecognizer } from '../models/recognizers/dlib.ts'
import { refineLatents } from '../models/refined-latents.ts'
import { loadModelWeights } from './model-weights.ts'

/** A loaded model, as the tasks use it. Faces are [n, s, s, 3] in [-1, 1], latents [n, l, l, z] of unit variance. */
export interface FaceModel {
  readonly name: string
  /** SHA-256 of the weights file; of the SHA-256s where there are several. */
  readonly sha256: string
  readonly imageSize: number
  /** [l, l, z]. */
  readonly latentShape: readonly [number, number, number]
  /** d, the width of a placeholder vector. */
  readonly placeholderWidth: number
  readonly schedule: NoiseSchedule
  /** Refined where the model's config says so, through the decoder and back at every step. */
  encode(faces: tf.Tensor4D): tf.Tensor4D
  /** Differentiable; values may leave [-1, 1] a little. */
  decode(latents: tf.Tensor4D): tf.Tensor4D
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
  const features = await loadFeatureNetwork(config.features, config.msi.featureDims)
  return assembleModel(config, sha256, networks, weights, features)
}

/** The model over the weights of its networks; `network` is that whose features MSI reads. */
export function assembleModel(
  config: ModelConfig,
  sha256: string,
  { autoencoder, unet, text, msi }: LatentDiffusion,
  of: Record<NetworkName, Weights>,
  network: FeatureNetwork,
): FaceModel {
  const { scaleFactor, prompt } = config
  const latentSize = config.imageSize / autoencoder.factor
  return {
    name: config.name,
    sha256,
    imageSize: config.imageSize,
    latentShape: [latentSize, latentSize, config.autoencoder.latentChannels],
    placeholderWidth: config.msi.dim,
    schedule: noiseSchedule(config.schedule),
    ...refined(config, scaledLatents(autoencoder, of.autoencoder, scaleFactor), network),
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
  { name, refinement }: ModelConfig,
  latents: Pick<FaceModel, 'encode' | 'decode'>,
  network: FeatureNetwork,
): Pick<FaceModel, 'encode' | 'decode'> {
  if (!refinement) return latents
  const { encode, decode } = latents
  if (refinement.featureWeight > 0 && !('perceive' in network))
    throw new UserError(
      `model '${name}': refinement.featureWeight is of dlib's features, found those of ${network.name}: leave it out`,
    )
  const features = (faces: tf.Tensor4D) => (network as DlibRecognizer).perceive(faces).features
  return { encode: faces => tf.tidy(() => refineLatents(encode(faces), faces, decode, features, refinement)), decode }
}
