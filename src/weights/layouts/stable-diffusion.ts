/**
 * Where the networks of Stable Diffusion v1 are in published files: one file in CompVis's naming, which is ours, or the
 * folder of a diffusers pipeline (unet/, vae/, text_encoder/), or one folder of it by itself.
 */

import type { Layout } from '../layouts.ts'
import { nameTable, type Pair, within } from '../names.ts'

/** Sizes of the networks, in diffusers' words: blocks, and layers in each of them. */
const blocks = 4
const layers = 2

const range = (length: number): number[] => Array.from({ length }, (_, i) => i)

/** Residual blocks of the noise predictor. */
const unetResnet: readonly Pair[] = [
  ['in_layers.0', 'norm1'],
  ['in_layers.2', 'conv1'],
  ['emb_layers.1', 'time_emb_proj'],
  ['out_layers.0', 'norm2'],
  ['out_layers.3', 'conv2'],
  ['skip_connection', 'conv_shortcut'],
]

/** Both sides call the inside of a spatial transformer alike. */
const same: readonly Pair[] = [['', '']]

/** CompVis numbers the blocks through; diffusers counts within each size. */
const diffusersUnet: readonly Pair[] = [
  ['time_embed.0', 'time_embedding.linear_1'],
  ['time_embed.2', 'time_embedding.linear_2'],
  ['input_blocks.0.0', 'conv_in'],
  ...range(blocks).flatMap(block => {
    const first = 1 + block * (layers + 1)
    return [
      ...range(layers).flatMap(i => [
        ...within(`input_blocks.${first + i}.0`, `down_blocks.${block}.resnets.${i}`, unetResnet),
        ...within(`input_blocks.${first + i}.1`, `down_blocks.${block}.attentions.${i}`, same),
      ]),
      ...within(`input_blocks.${first + layers}.0.op`, `down_blocks.${block}.downsamplers.0.conv`, same),
    ]
  }),
  ...within('middle_block.0', 'mid_block.resnets.0', unetResnet),
  ...within('middle_block.1', 'mid_block.attentions.0', same),
  ...within('middle_block.2', 'mid_block.resnets.1', unetResnet),
  ...range(blocks).flatMap(block => {
    const first = block * (layers + 1)
    const last = first + layers
    return [
      ...range(layers + 1).flatMap(i => [
        ...within(`output_blocks.${first + i}.0`, `up_blocks.${block}.resnets.${i}`, unetResnet),
        ...within(`output_blocks.${first + i}.1`, `up_blocks.${block}.attentions.${i}`, same),
      ]),
      // The deepest block has no attention: its upsampling comes second, that of the others third.
      ...within(`output_blocks.${last}.${block === 0 ? 1 : 2}.conv`, `up_blocks.${block}.upsamplers.0.conv`, same),
    ]
  }),
  ['out.0', 'conv_norm_out'],
  ['out.2', 'conv_out'],
]

/** Residual blocks of the autoencoder. */
const vaeResnet: readonly Pair[] = [
  ['norm1', 'norm1'],
  ['conv1', 'conv1'],
  ['norm2', 'norm2'],
  ['conv2', 'conv2'],
  ['nin_shortcut', 'conv_shortcut'],
]

/** Attention of the autoencoder as diffusers calls it since 0.15, and as it is in files that are older. */
const vaeAttention: readonly (readonly Pair[])[] = [
  [
    ['norm', 'group_norm'],
    ['q', 'to_q'],
    ['k', 'to_k'],
    ['v', 'to_v'],
    ['proj_out', 'to_out.0'],
  ],
  [
    ['norm', 'group_norm'],
    ['q', 'query'],
    ['k', 'key'],
    ['v', 'value'],
    ['proj_out', 'proj_attn'],
  ],
]

const diffusersVae = (attention: readonly Pair[]): readonly Pair[] => [
  ['quant_conv', 'quant_conv'],
  ['post_quant_conv', 'post_quant_conv'],
  ...['encoder', 'decoder'].flatMap(half => [
    ...within(half, half, [
      ['conv_in', 'conv_in'],
      ['norm_out', 'conv_norm_out'],
      ['conv_out', 'conv_out'],
      ...within('mid.block_1', 'mid_block.resnets.0', vaeResnet),
      ...within('mid.attn_1', 'mid_block.attentions.0', attention),
      ...within('mid.block_2', 'mid_block.resnets.1', vaeResnet),
    ]),
  ]),
  ...range(blocks).flatMap(block => [
    ...range(layers).flatMap(i =>
      within(`encoder.down.${block}.block.${i}`, `encoder.down_blocks.${block}.resnets.${i}`, vaeResnet),
    ),
    ...within(`encoder.down.${block}.downsample`, `encoder.down_blocks.${block}.downsamplers.0`, same),
    // CompVis counts the decoder's blocks from the largest, diffusers from the first to run.
    ...range(layers + 1).flatMap(i =>
      within(`decoder.up.${blocks - 1 - block}.block.${i}`, `decoder.up_blocks.${block}.resnets.${i}`, vaeResnet),
    ),
    ...within(`decoder.up.${blocks - 1 - block}.upsample`, `decoder.up_blocks.${block}.upsamplers.0`, same),
  ]),
]

/** A network under its CompVis prefix, in a pipeline's folder, in that folder alone, or in a file with our names. */
const layout = (compVis: readonly string[], folder: string, diffusers: readonly (readonly Pair[])[]): Layout => ({
  tables: [
    ...compVis.map(prefix => nameTable([['', prefix]])),
    ...diffusers.flatMap(pairs => [nameTable(within('', folder, pairs)), nameTable(pairs)]),
    nameTable(same),
  ],
  // Indices 0, 1, 2, ... that transformers once kept among the weights.
  ignored: /(^|\.)position_ids$/,
})

/** The noise predictor. */
export const unetLayout = layout(['model.diffusion_model'], 'unet', [diffusersUnet])

/** The autoencoder. */
export const autoencoderLayout = layout(['first_stage_model'], 'vae', vaeAttention.map(diffusersVae))

/** The text transformer; `text_model` is left out by newer transformers and by files made from their names. */
export const textLayout = layout(
  ['cond_stage_model.transformer.text_model', 'cond_stage_model.transformer'],
  'text_encoder',
  [[['', 'text_model']]],
)
