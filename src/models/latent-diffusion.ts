/**
 * The networks of a Diff-Privacy model put together, under the prefixes of a Stable Diffusion checkpoint: autoencoder,
 * denoiser, text encoder and MSI. Letters: n batch, p prompt length, d context width.
 */
import type * as tf from '@tensorflow/tfjs'
import { noiseSchedule, type ScheduleConfig } from '../diffusion/schedule.ts'
import type { Autoencoder } from './autoencoder.ts'
import { type FoldedAutoencoderConfig, foldedAutoencoder } from './autoencoder-folded.ts'
import { generatorAutoencoder } from './autoencoder-generator.ts'
import { type AutoencoderKlConfig, autoencoderKl } from './autoencoder-kl.ts'
import { type TinyAutoencoderConfig, tinyAutoencoder } from './autoencoder-tiny.ts'
import { type ClipText, type ClipTextConfig, clipText } from './clip.ts'
import { gaussianDenoiser } from './gaussian-denoiser.ts'
import { latentTransformer } from './latent-transformer.ts'
import type { Shapes, Weights } from './module.ts'
import { type Msi, type MsiConfig, msi } from './msi.ts'
import { type Unet, type UnetConfig, unet } from './unet.ts'

export interface LatentDiffusionConfig {
  /** Side of the faces in pixels. */
  readonly imageSize: number
  readonly autoencoder:
    | ({ readonly kind: 'folded' } & FoldedAutoencoderConfig)
    | { readonly kind: 'generator' }
    | ({ readonly kind: 'kl' } & AutoencoderKlConfig)
    | ({ readonly kind: 'tiny' } & TinyAutoencoderConfig)
  /** The denoiser, either a UNet or another. */
  readonly unet?: UnetConfig | undefined
  readonly denoiser?: TransformerDenoiserConfig | { readonly kind: 'gaussian' } | undefined
  /** Of what timesteps mean. */
  readonly schedule: ScheduleConfig
  readonly text: ClipTextConfig
  readonly msi: MsiConfig
  /** Token ids, `positions` of the text transformer in each row. */
  readonly prompt: {
    /** The prompt whose token at `position` is replaced by a placeholder vector. */
    readonly placeholder: readonly number[]
    readonly empty: readonly number[]
    readonly position: number
  }
}

/** A transformer over groups of rows of latents [n, rows, 1, z]. */
export interface TransformerDenoiserConfig {
  readonly kind: 'transformer'
  readonly width: number
  readonly depth: number
  readonly heads: number
  readonly contextDim: number
}

export interface LatentDiffusion {
  readonly autoencoder: Autoencoder
  /** The denoiser, a UNet or what is called as one. */
  readonly unet: Unet
  readonly text: ClipText
  readonly msi: Msi
}

export type NetworkName = keyof LatentDiffusion

/** Prefix of each network's parameters in a checkpoint that holds them all. */
export const prefixes = {
  autoencoder: 'first_stage_model.',
  unet: 'model.diffusion_model.',
  text: 'cond_stage_model.transformer.text_model.',
  msi: 'msi.',
} as const satisfies Record<NetworkName, string>

/** The four networks of `config`. */
export function latentDiffusion(config: LatentDiffusionConfig): LatentDiffusion {
  const autoencoder = autoencoderOf(config)
  return {
    autoencoder,
    unet: denoiserOf(config, autoencoder),
    text: clipText(config.text),
    msi: msi(config.msi),
  }
}

/** The autoencoder of `config`, by its kind. */
function autoencoderOf({ autoencoder, imageSize }: LatentDiffusionConfig): Autoencoder {
  switch (autoencoder.kind) {
    case 'folded':
      return foldedAutoencoder(autoencoder)
    case 'generator':
      return generatorAutoencoder(imageSize)
    case 'kl':
      return autoencoderKl(autoencoder)
    case 'tiny':
      return tinyAutoencoder(autoencoder)
  }
}

/** The denoiser of `config` for the latents of an autoencoder. */
function denoiserOf(config: LatentDiffusionConfig, { rowGroups, latentShape }: Autoencoder): Unet {
  if (config.unet) return unet(config.unet)
  if (!config.denoiser) throw new Error('latentDiffusion: expected unet or denoiser in the config, found neither')
  if (!rowGroups) throw new Error('latentDiffusion: expected latents with rows for a transformer, found others')
  const [, , latentChannels] = latentShape(config.imageSize)
  const { alphasCumprod } = noiseSchedule(config.schedule)
  if (config.denoiser.kind === 'gaussian') return gaussianDenoiser(alphasCumprod)
  return latentTransformer({ ...config.denoiser, rowGroups, latentChannels, alphasCumprod })
}

/** The parameters of each network, without prefixes. */
export function parametersOf({ autoencoder, unet, text, msi }: LatentDiffusion): Record<NetworkName, Shapes> {
  return {
    autoencoder: { ...autoencoder.encode.parameters, ...autoencoder.decode.parameters },
    unet: unet.parameters,
    text: text.parameters,
    msi: msi.parameters,
  }
}

/** Placeholder vectors [n, d] -> the conditional embeddings that the prompt with them gives, [n, p, d]. */
export function conditionalEmbedding(
  text: ClipText,
  weights: Weights,
  prompt: LatentDiffusionConfig['prompt'],
  vectors: tf.Tensor2D,
): tf.Tensor3D {
  return text(weights, [prompt.placeholder], { position: prompt.position, vectors })
}

/** u, the embedding of the empty prompt, [1, p, d]. */
export function unconditionalEmbedding(
  text: ClipText,
  weights: Weights,
  prompt: LatentDiffusionConfig['prompt'],
): tf.Tensor3D {
  return text(weights, [prompt.empty])
}
