/**
 * The KL autoencoder of latent diffusion (Rombach et al. 2022, CompVis `AutoencoderKL`), under the parameter names of
 * Stable Diffusion v1 checkpoints without their `first_stage_model.` prefix. The latent scale factor is not applied here.
 * Letters: n batch, h w height and width, c channels, f downsampling factor 2 ** (levels - 1), z latent channels.
 */
import * as tf from '@tensorflow/tfjs'
import { type Autoencoder, squareLatents } from './autoencoder.ts'
import { type Conv2d, conv2d, groupNorm, type Layer4D, upsample2 } from './layers.ts'
import { define, type Shapes } from './module.ts'
import { attention } from './ops/attention.ts'

export interface AutoencoderKlConfig {
  imageChannels: number
  latentChannels: number
  /** Width of the first level. */
  channels: number
  /** Width of each level, as multiples of `channels`. */
  channelMult: readonly number[]
  numResBlocks: number
}

export interface AutoencoderKl extends Autoencoder {
  /** Parameters of encoder and decoder. */
  readonly parameters: Shapes
}

/** The autoencoder of `config`; image height and width must divide by f. */
export function autoencoderKl(config: AutoencoderKlConfig): AutoencoderKl {
  const z = config.latentChannels
  const encode = chain([encoder(config), conv2d('quant_conv', 2 * z, 2 * z, { kernel: 1 })])
  const decode = chain([conv2d('post_quant_conv', z, z, { kernel: 1 }), decoder(config)])
  const latentShape = squareLatents(2 ** (config.channelMult.length - 1), z)
  return { encode, decode, latentShape, parameters: { ...encode.parameters, ...decode.parameters } }
}

function encoder({ imageChannels, latentChannels, channels, channelMult, numResBlocks }: AutoencoderKlConfig): Layer4D {
  let width = channels
  const layers: Layer4D[] = [conv2d('encoder.conv_in', imageChannels, width)]
  for (const [level, multiple] of channelMult.entries()) {
    const name = `encoder.down.${level}`
    for (let i = 0; i < numResBlocks; i++) {
      layers.push(resBlock(`${name}.block.${i}`, width, multiple * channels))
      width = multiple * channels
    }
    // Zeros below and on the right only: an even size halves exactly.
    if (level < channelMult.length - 1)
      layers.push(conv2d(`${name}.downsample.conv`, width, width, { stride: 2, padding: [0, 1] }))
  }
  layers.push(middle('encoder.mid', width), norm('encoder.norm_out', width, true))
  layers.push(conv2d('encoder.conv_out', width, 2 * latentChannels))
  return chain(layers)
}

function decoder({ imageChannels, latentChannels, channels, channelMult, numResBlocks }: AutoencoderKlConfig): Layer4D {
  let width = channelMult.at(-1)! * channels
  const layers: Layer4D[] = [conv2d('decoder.conv_in', latentChannels, width), middle('decoder.mid', width)]
  for (let level = channelMult.length - 1; level >= 0; level--) {
    const name = `decoder.up.${level}`
    for (let i = 0; i <= numResBlocks; i++) {
      layers.push(resBlock(`${name}.block.${i}`, width, channelMult[level]! * channels))
      width = channelMult[level]! * channels
    }
    if (level > 0) layers.push(upsample(`${name}.upsample.conv`, width))
  }
  layers.push(norm('decoder.norm_out', width, true), conv2d('decoder.conv_out', width, imageChannels))
  return chain(layers)
}

const middle = (name: string, width: number): Layer4D =>
  chain([
    resBlock(`${name}.block_1`, width, width),
    pixelAttention(`${name}.attn_1`, width),
    resBlock(`${name}.block_2`, width, width),
  ])

function resBlock(name: string, from: number, to: number): Layer4D {
  const norm1 = norm(`${name}.norm1`, from, true)
  const conv1 = conv2d(`${name}.conv1`, from, to)
  const norm2 = norm(`${name}.norm2`, to, true)
  const conv2 = conv2d(`${name}.conv2`, to, to)
  const shortcut = from === to ? undefined : conv2d(`${name}.nin_shortcut`, from, to, { kernel: 1 })
  return define([norm1, conv1, norm2, conv2, ...(shortcut ? [shortcut] : [])], (w, x) => {
    const h = norm2(w, conv1(w, norm1(w, x)))
    return conv2(w, h, { addend: shortcut ? shortcut(w, x) : x })
  })
}

/** Single-head self-attention over all pixels, around a residual. */
function pixelAttention(name: string, width: number): Layer4D {
  const normalise = norm(`${name}.norm`, width, false)
  const [q, k, v, out] = ['q', 'k', 'v', 'proj_out'].map(part =>
    conv2d(`${name}.${part}`, width, width, { kernel: 1 }),
  ) as [Conv2d, Conv2d, Conv2d, Conv2d]
  return define([normalise, q, k, v, out], (w, x) => {
    const [n, height, wide] = x.shape
    const tokens = (t: tf.Tensor4D) => tf.reshape(t, [n, height * wide, width]) as tf.Tensor3D
    const h = normalise(w, x)
    const mixed = attention(tokens(q(w, h)), tokens(k(w, h)), tokens(v(w, h)), 1)
    return out(w, tf.reshape(mixed, [n, height, wide, width]), { addend: x })
  })
}

function upsample(name: string, width: number): Layer4D {
  const conv = conv2d(name, width, width)
  return define([conv], (w, x) => conv(w, upsample2(x)))
}

const norm = (name: string, width: number, silu: boolean): Layer4D => groupNorm(name, width, { epsilon: 1e-6, silu })

/** One layer after another; what a layer leaves behind is freed before the next. */
const chain = (layers: readonly Layer4D[]): Layer4D =>
  define(layers, (w, x) => tf.tidy(() => layers.reduce((h, layer) => tf.tidy(() => layer(w, h)), x)))
