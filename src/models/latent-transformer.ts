/**
 * A denoiser whose tokens are the rows of a latent, such as the styles of a generator: a diffusion transformer (Peebles and
 * Xie, arXiv 2212.09748) with cross-attention to the context and one modulation for all blocks (PixArt-alpha, arXiv 2310.00426).
 * Letters: n batch, r rows, t groups of rows, z latent channels, c width, s context tokens, d context width.
 */
import * as tf from '@tensorflow/tfjs'
import { spreadRows } from './generator/latent-space.ts'
import { layerNorm, linear } from './layers.ts'
import { define, type Module, weight } from './module.ts'
import { attention } from './ops/attention.ts'
import { crossAttention, gatedFeedForward, timeEmbedding, type Unet } from './unet.ts'

export interface LatentTransformerConfig {
  /** Rows that are one token, as they are one style: how many, group by group. */
  readonly rowGroups: readonly number[]
  /** z. */
  readonly latentChannels: number
  readonly width: number
  readonly depth: number
  readonly heads: number
  readonly contextDim: number
  /** abar_t for t = 0..T-1: the share of signal variance left at timestep t. */
  readonly alphasCumprod: Float64Array
}

/** Sinusoids of a timestep. */
const frequencies = 256
/** Scale, shift and gate of self-attention, cross-attention and feed-forward. */
const modulations = 9

/** Parameters that start at zero, so that blocks begin as the identity and the network as the exact denoiser of N(0, I). */
export const latentTransformerZeros = /(^|\.)(modulation|modulation_table|final\.linear|mix\.gains)(\.weight|\.bias)?$/

/**
 * z_t [n, r, 1, z], timesteps [n] of 0..T-1, context [n, s, d] -> predicted noise [n, r, 1, z]:
 *   eps = sqrt(1 - abar) z_t + sqrt(abar) F(z_t, t, c)
 * F is what the layers make of the mean row of each group, the velocity v = sqrt(abar) eps - sqrt(1 - abar) z_0 (Salimans and Ho 2022, appendix D). With F = 0
 * this is the exact denoiser of latents of N(0, I): their v is independent of z_t. By what rows differ from the mean of their group
 * it stays that: noise is to be one draw for all rows of a group.
 * One style may be that of several groups. Blocks are narrower than z and cannot pass on all of it, so the last attention takes
 * the latents themselves as values:
 *   F = linear(x) + (g attention(x, x, z_t) - h z_t) / sqrt(1 - abar)
 * with gains g and h for each group. Groups that are one style in noise are averaged so at full rank.
 * `perturbed` replaces self-attention in the middle third of the blocks, or in all of them, by the identity.
 */
export function latentTransformer(config: LatentTransformerConfig): Unet {
  const { rowGroups, latentChannels, width, depth, heads, contextDim, alphasCumprod } = config
  const projIn = linear('proj_in', latentChannels, width)
  const groups = rowGroups.length
  const place = { parameters: { 'row_embedding.weight': [groups, width] } }
  const time = timeEmbedding('time_embed', frequencies, width)
  const modulation = linear('modulation', width, modulations * width)
  const blocks = Array.from({ length: depth }, (_, i) => block(`blocks.${i}`, width, heads, contextDim))
  const isMiddle = (i: number) => i >= Math.floor(depth / 3) && i < Math.ceil((2 * depth) / 3)
  const finalNorm = layerNorm('final.norm', width)
  const finalModulation = linear('final.modulation', width, 2 * width)
  const out = linear('final.linear', width, latentChannels)
  const mix = rowMixing('mix', width, latentChannels)
  const signalScales = Float32Array.from(alphasCumprod, Math.sqrt)
  const noiseScales = Float32Array.from(alphasCumprod, alpha => Math.sqrt(1 - alpha))

  return define(
    [projIn, place, time, modulation, ...blocks, finalNorm, finalModulation, out, mix],
    (w, z, timesteps, context, perturbed) =>
      tf.tidy(() => {
        const n = z.shape[0]
        const emb = time(w, timesteps) // [n, c]
        const shared = modulation(w, emb) // [n, 9 c]
        const words = tf.reshape(context, [-1, contextDim]) // [n * s, d]
        const noisy = groupMeans(z, rowGroups) // [n, t, z]
        const tokens = projIn(w, tf.reshape(noisy, [n * groups, latentChannels]))
        let x = tf.add(tf.reshape(tokens, [n, groups, width]), weight(w, 'row_embedding.weight')) as tf.Tensor3D
        for (const [i, block] of blocks.entries())
          x = block(w, x, shared, words, perturbed === 'all' || (perturbed === 'middle' && isMiddle(i)))
        const [scale, shift] = tf.split(tf.reshape(finalModulation(w, emb), [n, 1, 2 * width]), 2, 2)
        const last = modulate(finalNorm(w, x), scale!, shift!)
        const [signalScale, noiseScale] = [signalScales, noiseScales].map(table => lookUp(table, timesteps))
        const velocity = tf.add(out(w, last), tf.div(mix(w, last, noisy), noiseScale!))
        const rows = spreadRows(tf.expandDims(tf.mul(velocity, signalScale!), 2), rowGroups)
        return tf.add(tf.mul(z, tf.expandDims(noiseScale!, 3)), rows)
      }),
  )
}

/** Means over the rows of each group: [n, r, 1, z] -> [n, t, z]. */
function groupMeans(z: tf.Tensor4D, rowGroups: readonly number[]): tf.Tensor3D {
  const means = tf.split(z, [...rowGroups], 1).map(rows => tf.mean(rows, 1)) // [n, 1, z]
  return tf.concat(means, 1) as tf.Tensor3D
}

/** x [n, t, c], the modulation that blocks share [n, 9 c], context as rows [n * s, d] -> [n, t, c]. */
type Block = Module<[x: tf.Tensor3D, shared: tf.Tensor, context: tf.Tensor, perturbed: boolean], tf.Tensor3D>

/** Self-attention, cross-attention and a gated feed-forward, each between adaptive layer norm and a gate. */
function block(name: string, width: number, heads: number, contextDim: number): Block {
  const table = { parameters: { [`${name}.modulation_table`]: [modulations * width] } }
  const norms = [1, 2, 3].map(i => layerNorm(`${name}.norm${i}`, width))
  const attn1 = crossAttention(`${name}.attn1`, width, width, heads)
  const attn2 = crossAttention(`${name}.attn2`, width, contextDim, heads)
  const ff = gatedFeedForward(`${name}.ff`, width, 2 * width)
  return define([table, ...norms, attn1, attn2, ff], (w, x, shared, context, perturbed) =>
    tf.tidy(() => {
      const [n, t] = x.shape
      const own = tf.add(shared, weight(w, `${name}.modulation_table`))
      const parts = tf.split(tf.reshape(own, [n, 1, modulations * width]), modulations, 2)
      const layers = [
        (h: tf.Tensor) => attn1(w, h, h, n, { perturbed }),
        (h: tf.Tensor) => attn2(w, h, context, n),
        (h: tf.Tensor) => ff(w, h),
      ]
      return layers.reduce<tf.Tensor3D>((x, layer, i) => {
        const [scale, shift, gate] = parts.slice(3 * i, 3 * i + 3) as [tf.Tensor, tf.Tensor, tf.Tensor]
        const h = tf.reshape(modulate(norms[i]!(w, x), scale, shift), [n * t, width])
        return tf.add(x, tf.mul(gate, tf.reshape(layer(h), [n, t, width])))
      }, x)
    }),
  )
}

/** g attention(x, x, z) - h z with gains g and h of each group: x [n, t, c], z [n, t, z] -> [n, t, z]. */
function rowMixing(name: string, width: number, channels: number): Module<[x: tf.Tensor, z: tf.Tensor], tf.Tensor> {
  const q = linear(`${name}.to_q`, width, channels, false)
  const k = linear(`${name}.to_k`, width, channels, false)
  const gains = linear(`${name}.gains`, width, 2)
  return define([q, k, gains], (w, x, z) => {
    const [g, h] = tf.split(gains(w, x), 2, 2)
    return tf.sub(tf.mul(attention(q(w, x), k(w, x), z, 1), g!), tf.mul(z, h!))
  })
}

/** x (1 + scale) + shift: x [n, t, c], the others [n, 1, c]. */
function modulate(x: tf.Tensor, scale: tf.Tensor, shift: tf.Tensor): tf.Tensor {
  return tf.add(tf.mul(x, tf.add(scale, 1)), shift)
}

/** What a table has for each timestep, the nearest whole one: [n] -> [n, 1, 1]. */
function lookUp(table: Float32Array, timesteps: tf.Tensor1D): tf.Tensor {
  const whole = tf.clipByValue(tf.round(tf.cast(timesteps, 'float32')), 0, table.length - 1)
  return tf.reshape(tf.gather(tf.tensor1d(table), tf.cast(whole, 'int32')), [-1, 1, 1])
}
