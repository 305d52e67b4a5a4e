/** The frozen networks of tasks that train on latents, and the latents and features that they give. */
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import type { ModelConfig } from '../../config/model.ts'
import { type NoiseSchedule, noiseSchedule } from '../../diffusion/schedule.ts'
import { loadFeatureNetwork } from '../../faces/features.ts'
import { scaledLatents } from '../../models/autoencoder.ts'
import type { LatentDiffusion } from '../../models/latent-diffusion.ts'
import type { Weights } from '../../models/module.ts'
import { UserError } from '../../util/errors.ts'
import { autoencoderWeights } from '../bases.ts'
import { type FrozenNetworks, LatentCache, type LatentOptions, type LatentStructure } from '../latents.ts'
import type { ConfigOf, TaskSetup } from './definition.ts'

export interface Frozen {
  readonly networks: FrozenNetworks & { decode(latents: tf.Tensor4D): tf.Tensor4D }
  readonly schedule: NoiseSchedule
  readonly structure: LatentStructure
  /** Latents and features of the faces, computed where they are not kept already. */
  cache(options: LatentOptions): Promise<LatentCache>
  dispose(): void
}

export async function openFrozen({
  config,
  model,
  networks,
  faces,
  paths,
  onPrepare,
}: TaskSetup<ConfigOf<'diffusion' | 'msi'>>): Promise<Frozen> {
  const weights = await autoencoderWeights(model, networks, paths)
  const frozen = {
    ...scaledLatents(networks.autoencoder, weights, model.scaleFactor),
    features: (await loadFeatureNetwork(model.features, model.msi.featureDims)).features,
  }
  const channelWeights = weightsOfChannels(networks.autoencoder, weights, config.channelWeighting)
  return {
    networks: frozen,
    schedule: noiseSchedule(model.schedule),
    structure: { rowGroups: networks.autoencoder.rowGroups, channelWeights },
    cache: options => LatentCache.open(paths.cache ?? join(paths.out, 'frozen'), faces, frozen, options, onPrepare),
    dispose: () => tf.dispose([...Object.values(weights), ...(channelWeights ? [channelWeights] : [])]),
  }
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

/** @throws UserError when the deviation of latents is not near to 1 */
export function checkDeviation(deviation: number, { name, scaleFactor }: ModelConfig): void {
  if (Math.abs(Math.log(deviation)) <= 0.05) return
  const right = (scaleFactor / deviation).toPrecision(4)
  throw new UserError(
    `the latents of these faces have standard deviation ${deviation.toFixed(3)}, expected 1: set scaleFactor: ${right} in the model '${name}'`,
  )
}
