/**
 * The networks of a Diff-Privacy model put together, under the prefixes of a Stable Diffusion checkpoint: autoencoder,
 * noise predictor, text transformer and MSI. Letters: n batch, s image size, l latent size, z latent channels, p prompt
 * length, d context width.
 */
import type * as tf from '@tensorflow/tfjs'
import type { Autoencoder } from './autoencoder.ts'
import { type FoldedAutoencoderConfig, foldedAutoencoder } from './autoencoder-folded.ts'
import { type AutoencoderKlConfig, autoencoderKl } from './autoencoder-kl.ts'
import { type TinyAutoencoderConfig, tinyAutoencoder } from './autoencoder-tiny.ts'
import { type ClipText, type ClipTextConfig, clipText } from './clip-text.ts'
import type { Shapes, Weights } from './module.ts'
import { type Msi, type MsiConfig, msi } from './msi.ts'
import { type Unet, type UnetConfig, unet } from './unet.ts'

export interface LatentDiffusionConfig {
  readonly autoencoder:
    | ({ readonly kind: 'folded' } & FoldedAutoencoderConfig)
    | ({ readonly kind: 'kl' } & AutoencoderKlConfig)
    | ({ readonly kind: 'tiny' } & TinyAutoencoderConfig)
  readonly unet: UnetConfig
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

export interface LatentDiffusion {
  readonly autoencoder: Autoencoder
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
  return {
    autoencoder: autoencoderOf(config.autoencoder),
    unet: unet(config.unet),
    text: clipText(config.text),
    msi: msi(config.msi),
  }
}

/** The autoencoder of `config`, by its kind. */
function autoencoderOf(config: LatentDiffusionConfig['autoencoder']): Autoencoder {
  switch (config.kind) {
    case 'folded':
      return foldedAutoencoder(config)
    case 'kl':
      return autoencoderKl(config)
    case 'tiny':
      return tinyAutoencoder(config)
  }
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

/** `weights` whose names start with `prefix`, without it. */
export function withoutPrefix(weights: Weights, prefix: string): Weights {
  const names = Object.keys(weights).filter(name => name.startsWith(prefix))
  return Object.fromEntries(names.map(name => [name.slice(prefix.length), weights[name]!]))
}

/** `values` with `prefix` before every name. */
export function withPrefix<T>(values: Readonly<Record<string, T>>, prefix: string): Record<string, T> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [prefix + name, value]))
}
