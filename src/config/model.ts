/** What a model file (configs/models/NAME.yaml) says: the sizes of its networks and where their weights are. */
import { z } from 'zod'
import { fileExists, repositoryPath } from '#paths'
import type { FaceSize } from '../models/generator/synthesis.ts'
import { clipTokenizer } from '../text/clip-tokenizer.ts'
import { loadConfig } from '../yaml/load.ts'
import { guideNames } from './recipe.ts'

const count = z.int().positive()

const weights = z
  .string()
  .describe('a path with a slash in it, relative to the repository; or published weights by name')

/** Of one network, perhaps spread over several files. */
const networkWeights = z.union([weights, z.array(weights).min(1)])

const foldedAutoencoder = z.strictObject({
  kind: z.literal('folded'),
  latentChannels: count.describe('channels of the latent'),
  widths: z.tuple([count, count]).describe("widths at a quarter and an eighth of the image's size"),
  encoderBlocks: z.tuple([count, count]).describe('residual blocks of the encoder at these sizes'),
  decoderBlocks: z.tuple([count, count]).describe('residual blocks of the decoder at these sizes'),
  thinWidth: count.describe('channels at full size'),
})

const klAutoencoder = z.strictObject({
  kind: z.literal('kl'),
  imageChannels: count.default(3).describe('channels of the image'),
  latentChannels: count.describe('channels of the latent'),
  channels: count.describe('width at full size'),
  channelMult: z.array(count).describe('width of each level, as multiples of channels'),
  numResBlocks: count.describe('residual blocks a level'),
})

const tinyAutoencoder = z.strictObject({
  kind: z.literal('tiny'),
  latentChannels: count.describe('channels of the latent'),
  width: count.default(64).describe('channels of every layer'),
  blocks: count.default(3).describe('residual blocks at each size'),
  groupNorm: z.boolean().default(false).describe("a normalised branch in the blocks at the latent's size, as in TAEF2"),
})

const generatorAutoencoder = z.strictObject({
  kind: z
    .literal('generator')
    .describe("latents are styles of the face generator, and faces of the model's size its pictures"),
})

const unet = z.strictObject({
  inChannels: count,
  outChannels: count,
  modelChannels: count,
  channelMult: z.array(count).describe('width of each level, as multiples of modelChannels'),
  numResBlocks: count.describe('residual blocks a level'),
  attentionResolutions: z.array(count).describe('downsampling factors at which spatial transformers sit'),
  numHeads: count,
  contextDim: count.describe('width of the conditional embedding'),
})

const transformer = z.strictObject({
  kind: z.literal('transformer').describe('tokens are the rows of the latent'),
  width: count,
  depth: count.describe('blocks'),
  heads: count,
  contextDim: count.describe('width of the conditional embedding'),
})

const gaussian = z.strictObject({
  kind: z.literal('gaussian').describe('the exact denoiser of the prior N(0, I), without parameters'),
})

const clipSizes = z.strictObject({
  width: count,
  innerWidth: count,
  layers: count,
  heads: count,
  imageSize: count,
  patchSize: count,
  states: z.array(z.int().min(0)).length(5).describe('the hidden states that are read, shallow to deep'),
})

const featureStatistics = weights
  .optional()
  .describe(
    'where the mean and deviation of each channel are, by which features are standardised; they are not by default',
  )

/** The variants of MSI (src/models/msi.ts). */
export const msiVariants = ['released', 'patch', 'single'] as const

const modelObject = z.strictObject({
  name: z.string().describe('name of the model'),
  imageSize: count.describe('side of the aligned faces in pixels'),
  alignment: z
    .enum(['template', 'ffhq'])
    .default('template')
    .describe("how faces are cut out of photos: on the recognizers' template, or as in FFHQ"),
  weights: z
    .union([
      weights,
      z.strictObject({ autoencoder: networkWeights, unet: networkWeights, text: networkWeights, msi: networkWeights }),
    ])
    .describe('where all networks are, or where each of them is'),
  sha256: z.string().length(64).optional().describe('of the weights, where one file holds them all'),
  autoencoder: z.discriminatedUnion('kind', [foldedAutoencoder, klAutoencoder, tinyAutoencoder, generatorAutoencoder]),
  scaleFactor: z
    .number()
    .positive()
    .default(1)
    .describe('multiplies latents of the autoencoder, so that their deviation is 1'),
  refinement: z
    .strictObject({
      steps: count.describe('of descent from what the encoder gives'),
      rate: z.number().positive().describe('how far the first step moves each number of a latent at most'),
      featureWeight: z
        .number()
        .min(0)
        .default(0)
        .describe("of the distance between dlib's features beside that of pixels; needs features: { network: dlib }"),
    })
    .optional()
    .describe('brings the latent of a face nearer to what the decoder makes that face of; none by default'),
  inversion: z
    .strictObject({
      steps: count.describe('of descent from what the encoder gives'),
      rate: z.number().positive().describe('how far the first step moves each number of a latent at most'),
      size: z
        .union([z.literal(128), z.literal(256)])
        .default(128)
        .describe('side at which faces are compared'),
      prior: z.number().min(0).default(0).describe('weight of: latents stay where the prior has its mass'),
    })
    .optional()
    .describe('brings the latent of a face nearer to what a generator makes that face of; none by default'),
  unet: unet.optional().describe('the denoiser, where it is a UNet'),
  denoiser: z.discriminatedUnion('kind', [transformer, gaussian]).optional().describe('the denoiser, where it is none'),
  text: z.strictObject({
    vocabulary: count,
    positions: count.describe('length of every prompt'),
    width: count,
    innerWidth: count,
    layers: count,
    heads: count,
  }),
  prompt: z.union([
    z.strictObject({
      placeholder: z.array(z.int()).describe('token ids of the prompt whose placeholder is replaced'),
      empty: z.array(z.int()).describe('token ids of the empty prompt'),
      position: z.int().describe('place of the placeholder'),
    }),
    z.strictObject({
      text: z.string().describe("a prompt for CLIP's tokenizer, such as 'a photo of *'"),
      word: z.string().default('*').describe('the word of it that is the placeholder'),
    }),
  ]),
  features: z
    .discriminatedUnion('network', [
      z.strictObject({ network: z.literal('dlib'), statistics: featureStatistics }),
      z.strictObject({
        network: z.literal('clip-vit-l-14'),
        statistics: featureStatistics,
        weights: weights.describe('where the image encoder is'),
        sizes: clipSizes.partial().optional().describe('where the encoder is not ViT-L/14'),
      }),
    ])
    .describe('the frozen network whose activations at five depths MSI reads'),
  perceptual: z
    .array(z.enum(guideNames))
    .default([])
    .describe("recognizers in the autoencoder's loss: of what it reconstructs, their verdict is a white box's"),
  msi: z.strictObject({
    variant: z.enum(msiVariants).describe('attend over the mean of a scale, over its tokens, or give one vector'),
    dim: count,
    featureDims: z.array(count).length(5).describe('widths of the five scales of features'),
    heads: count,
    headDim: count,
  }),
  schedule: z.strictObject({ steps: count, betaStart: z.number(), betaEnd: z.number() }),
})

const generatorSizes: readonly number[] = [128, 256, 1024] satisfies FaceSize[]

const modelSchema = modelObject
  .refine(({ unet, denoiser }) => (unet === undefined) !== (denoiser === undefined), {
    path: ['denoiser'],
    message: 'expected either it or unet',
  })
  .refine(({ denoiser, autoencoder }) => !denoiser || autoencoder.kind === 'generator', {
    path: ['denoiser'],
    message: 'expected a UNet, since latents of this autoencoder have no rows',
  })
  .refine(({ imageSize, autoencoder }) => autoencoder.kind !== 'generator' || generatorSizes.includes(imageSize), {
    path: ['imageSize'],
    message: `expected a size of the generator's pictures, ${generatorSizes.join(', ')}`,
  })

type WrittenModelConfig = z.output<typeof modelSchema>

/** A model file with its prompt in token ids, and its features told how faces are aligned where that is not on the template. */
export type ModelConfig = Omit<WrittenModelConfig, 'prompt' | 'features'> & {
  readonly features: WrittenModelConfig['features'] & { readonly alignment?: 'ffhq' }
  readonly prompt: Extract<WrittenModelConfig['prompt'], { position: number }>
}

/**
 * The config of a model: `name` of configs/models/, or the path of a model file.
 * @throws UserError when there is no such file, or it is not as it should be
 */
export async function loadModelConfig(name: string): Promise<ModelConfig> {
  const own = repositoryPath(`configs/models/${name}.yaml`)
  const config = await loadConfig(modelSchema, { path: (await fileExists(own)) ? own : name })
  const { prompt, features, alignment } = config
  return {
    ...config,
    prompt: 'text' in prompt ? promptTokens(prompt) : prompt,
    features: alignment === 'ffhq' ? { ...features, alignment } : features,
  }
}

/** @throws UserError when the placeholder is not in the text, or beyond its 75 tokens */
function promptTokens({ text, word }: { text: string; word: string }): ModelConfig['prompt'] {
  const tokenizer = clipTokenizer()
  const { ids, position } = tokenizer.placeholderPrompt(text, word)
  return { placeholder: ids, empty: tokenizer.prompt(''), position }
}
