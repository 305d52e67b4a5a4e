/** What tasks build upon: the networks of earlier runs, or the model's own. */
import type { ModelConfig } from '../config/model.ts'
import { type LatentDiffusion, parametersOf, prefixes } from '../models/latent-diffusion.ts'
import { type Weights, withoutPrefix, withPrefix } from '../models/module.ts'
import { loadNetworkWeights, networkChecksum } from '../pipeline/model-weights.ts'
import { sha256 } from '../weights/checksum.ts'
import { loadAverage } from './checkpoint.ts'
import { lastCheckpoint } from './keep.ts'

export interface RunPaths {
  /** Prepared faces to train on. */
  readonly faces: readonly string[]
  /** Where checkpoints, log and demos go. */
  readonly out: string
  /** Prepared faces of other people, whose loss says which checkpoint is best. */
  readonly validate?: readonly string[]
  /** Where frozen latents and features are kept, which runs may share; in `out` by default. */
  readonly cache?: string
  /** The run that trained the autoencoder; the model's own weights are taken where it is absent. */
  readonly autoencoder?: string
  /** The run that trained the noise predictor, for MSI; the model's own weights are taken where it is absent. */
  readonly diffusion?: string
}

/** A run that others build upon. */
export type Base = 'autoencoder' | 'diffusion'

const networksOf = { autoencoder: ['autoencoder'], diffusion: ['unet', 'text'] } as const

/** Checksums of the networks that a run builds upon, by their names: of the runs that trained them, or of the model's own. */
export async function baseChecksums(
  bases: readonly Base[],
  model: ModelConfig,
  paths: RunPaths,
): Promise<Record<string, string>> {
  const sums: Record<string, string> = {}
  for (const base of bases) {
    if (paths[base]) sums[base] = await sha256(lastCheckpoint(paths[base]))
    else for (const network of networksOf[base]) sums[network] = await networkChecksum(model, network)
  }
  return sums
}

/** The autoencoder's weights: averaged ones of the run that trained it, or the model's own where no run is named. */
export async function autoencoderWeights(
  model: ModelConfig,
  networks: LatentDiffusion,
  paths: RunPaths,
): Promise<Weights> {
  const parameters = parametersOf(networks).autoencoder
  if (!paths.autoencoder) return loadNetworkWeights(model, 'autoencoder', parameters)
  return loadAverage(lastCheckpoint(paths.autoencoder), parameters)
}

/** The weights of noise predictor and text transformer, in the same way. */
export async function baseWeights(
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
