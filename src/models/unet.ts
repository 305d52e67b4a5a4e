/**
 * The noise predictor of latent diffusion (Rombach et al. 2022, CompVis `UNetModel` with spatial transformers), under
 * the parameter names of Stable Diffusion v1 checkpoints without their `model.diffusion_model.` prefix.
 * Letters: n batch, h w height and width, c channels, t tokens (h * w), s context tokens, d context width.
 */
import * as tf from '@tensorflow/tfjs'
import { conv2d, groupNorm, type Layer4D, layerNorm, linear, pointwise, upsample2 } from './layers.ts'
import { define, type Module } from './module.ts'
import { gatedGelu, swish } from './ops/activations.ts'
import { attention } from './ops/attention.ts'

/** Blocks of a noise predictor whose self-attention map can be replaced by the identity (perturbed-attention guidance). */
export const perturbedBlocks = ['middle', 'all'] as const

export type PerturbedBlocks = (typeof perturbedBlocks)[number]

export interface UnetConfig {
  inChannels: number
  outChannels: number
  modelChannels: number
  /** Width of each level, as multiples of `modelChannels`. */
  channelMult: readonly number[]
  numResBlocks: number
  /** Downsampling factors (1 = full latent size, 2 = half, ...) at which spatial transformers sit. */
  attentionResolutions: readonly number[]
  numHeads: number
  contextDim: number
  /** Groups of every group normalisation; 32 when absent. */
  groups?: number
}

/** z [n, h, w, c], timesteps [n] (floats are allowed), context [n, s, d] -> predicted noise [n, h, w, outChannels]. */
export type Unet = Module<
  [z: tf.Tensor4D, timesteps: tf.Tensor1D, context: tf.Tensor3D, perturbed?: PerturbedBlocks],
  tf.Tensor4D
>

/**
 * What a part of the UNet reads besides its features: SiLU of the time embedding [n, e], the context [n, s, d], and whether its
 * self-attention is out of work.
 */
type Part = Module<[x: tf.Tensor4D, time: tf.Tensor2D, context: tf.Tensor3D, perturbed: boolean], tf.Tensor4D>

/** The UNet of `config`; h and w of its input must divide by 2 ** (levels - 1). */
export function unet(config: UnetConfig): Unet {
  const { inChannels, outChannels, modelChannels, channelMult, numResBlocks, attentionResolutions } = config
  const groups = config.groups ?? 32
  const timeWidth = 4 * modelChannels
  const levels = channelMult.length
  const resnet = (name: string, from: number, to: number) => resBlock(name, from, to, timeWidth, groups)
  const attend = (name: string, width: number) =>
    spatialTransformer(name, width, config.numHeads, config.contextDim, groups)
  const attendsAt = (level: number) => attentionResolutions.includes(2 ** level)

  const time = timeEmbedding('time_embed', modelChannels, timeWidth)

  const inputBlocks: Part[] = [plain(conv2d('input_blocks.0.0', inChannels, modelChannels))]
  const skipWidths = [modelChannels]
  let width = modelChannels
  for (const [level, multiple] of channelMult.entries()) {
    for (let i = 0; i < numResBlocks; i++) {
      const name = `input_blocks.${inputBlocks.length}`
      const parts = [resnet(`${name}.0`, width, multiple * modelChannels)]
      width = multiple * modelChannels
      if (attendsAt(level)) parts.push(attend(`${name}.1`, width))
      inputBlocks.push(sequence(parts))
      skipWidths.push(width)
    }
    if (level < levels - 1) {
      const name = `input_blocks.${inputBlocks.length}.0.op`
      inputBlocks.push(plain(conv2d(name, width, width, { stride: 2, padding: 1 })))
      skipWidths.push(width)
    }
  }

  const middleBlock = sequence([
    resnet('middle_block.0', width, width),
    attend('middle_block.1', width),
    resnet('middle_block.2', width, width),
  ])

  const outputBlocks: Part[] = []
  for (let level = levels - 1; level >= 0; level--) {
    for (let i = 0; i <= numResBlocks; i++) {
      const name = `output_blocks.${outputBlocks.length}`
      const to = channelMult[level]! * modelChannels
      const parts = [resnet(`${name}.0`, width + skipWidths.pop()!, to)]
      width = to
      if (attendsAt(level)) parts.push(attend(`${name}.${parts.length}`, width))
      if (level > 0 && i === numResBlocks) parts.push(upsample(`${name}.${parts.length}`, width))
      outputBlocks.push(sequence(parts))
    }
  }

  const outNorm = groupNorm('out.0', width, { groups, silu: true })
  const outConv = conv2d('out.2', width, outChannels)

  return define(
    [time, ...inputBlocks, middleBlock, ...outputBlocks, outNorm, outConv],
    (w, z, timesteps, context, perturbed) =>
      tf.tidy(() => {
        const emb = time(w, timesteps) // [n, timeWidth], once for all blocks
        const skips: tf.Tensor4D[] = []
        let x = z
        for (const block of inputBlocks) {
          x = block(w, x, emb, context, perturbed === 'all')
          skips.push(x)
        }
        x = middleBlock(w, x, emb, context, perturbed !== undefined)
        for (const block of outputBlocks)
          x = block(w, tf.concat([x, skips.pop()!], 3), emb, context, perturbed === 'all')
        return outConv(w, outNorm(w, x))
      }),
  )
}

/** SiLU of the embedding of the timestep: [n] -> [n, width]. Every block that reads it starts by this SiLU, so it is here. */
export function timeEmbedding(name: string, frequencies: number, width: number): Module<[tf.Tensor1D], tf.Tensor2D> {
  const first = linear(`${name}.0`, frequencies, width)
  const second = linear(`${name}.2`, width, width)
  return define(
    [first, second],
    (w, timesteps) => swish(second(w, swish(first(w, sinusoids(timesteps, frequencies))))) as tf.Tensor2D,
  )
}

/** cos and sin of t * 10000 ** (-i / half) for i < half = width / 2: [n] -> [n, width], cosines first. */
function sinusoids(timesteps: tf.Tensor1D, width: number): tf.Tensor2D {
  const half = width / 2
  const rates = tf.tensor2d(
    Float32Array.from({ length: half }, (_, i) => Math.exp((-Math.log(10000) * i) / half)),
    [1, half],
  )
  const angles = tf.mul(tf.reshape(tf.cast(timesteps, 'float32'), [-1, 1]), rates)
  return tf.concat([tf.cos(angles), tf.sin(angles)], 1) as tf.Tensor2D
}

/** Two convolutions with the time embedding added between them, and a shortcut around them. */
function resBlock(name: string, from: number, to: number, timeWidth: number, groups: number): Part {
  const norm1 = groupNorm(`${name}.in_layers.0`, from, { groups, silu: true })
  const conv1 = conv2d(`${name}.in_layers.2`, from, to)
  const time = linear(`${name}.emb_layers.1`, timeWidth, to)
  const norm2 = groupNorm(`${name}.out_layers.0`, to, { groups, silu: true })
  const conv2 = conv2d(`${name}.out_layers.3`, to, to)
  const shortcut = from === to ? undefined : conv2d(`${name}.skip_connection`, from, to, { kernel: 1 })
  return define([norm1, conv1, time, norm2, conv2, ...(shortcut ? [shortcut] : [])], (w, x, emb) =>
    tf.tidy(() => {
      const h = conv1(w, norm1(w, x), { addend: time(w, emb) })
      return conv2(w, norm2(w, h), { addend: shortcut ? shortcut(w, x) : x })
    }),
  )
}

/**
 * Self-attention over the pixels, cross-attention to the context and a gated feed-forward, around one residual. Tokens are
 * rows of all samples, [n * t, c]: a reshape costs as much as a small product.
 */
function spatialTransformer(name: string, width: number, heads: number, contextDim: number, groups: number): Part {
  const block = `${name}.transformer_blocks.0`
  const norm = groupNorm(`${name}.norm`, width, { groups, epsilon: 1e-6 })
  const projIn = pointwise(`${name}.proj_in`, width, width)
  const norm1 = layerNorm(`${block}.norm1`, width)
  const attn1 = crossAttention(`${block}.attn1`, width, width, heads)
  const norm2 = layerNorm(`${block}.norm2`, width)
  const attn2 = crossAttention(`${block}.attn2`, width, contextDim, heads)
  const norm3 = layerNorm(`${block}.norm3`, width)
  const ff = gatedFeedForward(`${block}.ff`, width)
  const projOut = pointwise(`${name}.proj_out`, width, width)
  return define([norm, projIn, norm1, attn1, norm2, attn2, norm3, ff, projOut], (w, x, _time, context, perturbed) =>
    tf.tidy(() => {
      const n = x.shape[0]
      const words = tf.reshape(context, [-1, contextDim])
      let t = projIn(w, tf.reshape(norm(w, x), [-1, width])) // [n * t, c]
      const a = norm1(w, t)
      t = attn1(w, a, a, n, { addend: t, perturbed })
      t = attn2(w, norm2(w, t), words, n, { addend: t })
      t = ff(w, norm3(w, t), t)
      return tf.reshape(projOut(w, t, tf.reshape(x, [-1, width])), x.shape)
    }),
  )
}

export interface AttentionOptions {
  /** Added to the result, of its shape. */
  readonly addend?: tf.Tensor | undefined
  /** Whether each row attends to itself alone. */
  readonly perturbed?: boolean | undefined
}

/**
 * Queries from rows x [n * t, width], keys and values from rows of the context [n * s, contextDim] -> [n * t, width], to
 * which `addend` is added if there is one. Where `perturbed`, each row attends to itself alone (Ahn et al. 2024, perturbed-attention guidance).
 */
export function crossAttention(
  name: string,
  width: number,
  contextDim: number,
  heads: number,
): Module<[x: tf.Tensor, context: tf.Tensor, samples: number, options?: AttentionOptions], tf.Tensor> {
  const q = linear(`${name}.to_q`, width, width, false)
  const k = linear(`${name}.to_k`, contextDim, width, false)
  const v = linear(`${name}.to_v`, contextDim, width, false)
  const out = linear(`${name}.to_out.0`, width, width)
  return define([q, k, v, out], (w, x, context, samples, { addend, perturbed } = {}) => {
    const values = v(w, context)
    return out(w, perturbed ? values : attention(q(w, x), k(w, context), values, heads, { samples }), addend)
  })
}

/** GEGLU (Shazeer 2020) and a projection back, and `addend` if there is one: [r, width] -> [r, width]. */
export function gatedFeedForward(
  name: string,
  width: number,
  inner = 4 * width,
): Module<[x: tf.Tensor, addend?: tf.Tensor], tf.Tensor> {
  const project = linear(`${name}.net.0.proj`, width, 2 * inner)
  const out = linear(`${name}.net.2`, inner, width)
  return define([project, out], (w, x, addend) => out(w, gatedGelu(project(w, x)), addend))
}

function upsample(name: string, width: number): Part {
  const conv = conv2d(`${name}.conv`, width, width)
  return define([conv], (w, x) => conv(w, upsample2(x)))
}

const plain = (layer: Layer4D): Part => define([layer], (w, x) => layer(w, x))

const sequence = (parts: readonly Part[]): Part =>
  define(parts, (w, x, time, context, perturbed) => parts.reduce((h, part) => part(w, h, time, context, perturbed), x))
