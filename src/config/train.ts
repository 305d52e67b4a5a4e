/** How a network is trained (configs/train-*.yaml). */
import { z } from 'zod'
import { backendNames } from '../backend/names.ts'
import { msiVariants } from './model.ts'
import { guideNames } from './recipe.ts'

const count = z.int().positive()

const loss = z
  .enum(['noise', 'velocity'])
  .default('noise')
  .describe(
    'whose squared error is minimized; that of velocity is that of noise times 1 / abar, and so counts high noise more',
  )

const common = {
  backend: z
    .enum(['auto', ...backendNames])
    .default('auto')
    .describe('tfjs backend; the fastest present unless one is named'),
  model: z.string().default('faces-128').describe('a model of configs/models/, or the path of such a file'),
  seed: z.int().default(0).describe('of random initial weights, batches, noise and timesteps'),
  startFrom: z
    .enum(['random', 'trained'])
    .default('random')
    .describe("random numbers, or trained weights: those of the run that is named, or else the model's own"),
  faces: z.array(z.string()).default([]).describe('prepared faces, where the command line names none'),
  steps: count.describe('optimizer steps in all'),
  batchSize: count.describe('faces in memory at once'),
  accumulate: count.default(1).describe('batches whose gradients are averaged for one step'),
  learningRate: z
    .strictObject({
      peak: z.number().positive(),
      final: z.number().min(0).default(0),
      warmup: z.int().min(0).default(0).describe('steps from 0 to the peak'),
    })
    .describe('rises to the peak, then falls along a cosine'),
  optimizer: z
    .strictObject({
      beta1: z.number().min(0).lt(1).default(0.9),
      beta2: z.number().min(0).lt(1).default(0.999),
      epsilon: z.number().positive().default(1e-8),
      weightDecay: z.number().min(0).default(0.01),
      clipNorm: z.number().positive().default(1).describe('longest gradient, as global L2 norm'),
    })
    .prefault({})
    .describe('AdamW'),
  averageDecay: z
    .number()
    .min(0)
    .lt(1)
    .default(0.999)
    .describe('of the moving average of the weights, which is what is kept'),
  precision: z
    .enum(['float32', 'bf16'])
    .default('bf16')
    .describe('of products, where the processor has bf16; sums stay float32'),
  logEvery: count.default(20).describe('steps between lines of the log'),
  checkpointEvery: count.default(200).describe('steps between checkpoints'),
  demoEvery: count.default(500).describe('steps between pictures'),
  keepCheckpoints: count.default(2).describe('how many checkpoints stay, besides the best one'),
  validationBatches: count.default(8).describe('batches of validation faces that rank a checkpoint'),
  tracking: z
    .array(z.string())
    .default([])
    .describe("where the run is watched besides its folder: 'tensorboard', 'mlflow' or 'mlflow=http://HOST:PORT'"),
}

const channelWeighting = z
  .number()
  .min(0)
  .max(1)
  .default(0)
  .describe(
    'share of the loss in which a channel of the latent counts as styles vary along it; in the rest all count alike',
  )

export const trainSchema = z.discriminatedUnion('task', [
  z.strictObject({
    task: z.literal('autoencoder'),
    ...common,
    edgeWeight: z.number().min(0).describe('of the L1 between differences of neighbouring pixels'),
    featureWeight: z.number().min(0).describe('of the distance between features of the dlib recognizer'),
    identityWeights: z
      .partialRecord(z.enum(guideNames), z.number().positive())
      .describe("of 1 - the cosine of a face's and its decoded copy's embeddings, by recognizer"),
    comparedFaces: count
      .optional()
      .describe('faces of a batch whose features and embeddings are compared; all by default'),
    klWeight: z.number().min(0).describe('of the KL divergence of the latent from a standard normal'),
    decoderOnly: z
      .boolean()
      .default(false)
      .describe('trains on the decoder of the run --autoencoder, whose latents stay as they are'),
    adversarialWeight: z
      .number()
      .min(0)
      .default(0)
      .describe('of the loss that an adversary, trained beside, no longer tells decoded faces from photos'),
    latentNoise: z
      .number()
      .min(0)
      .describe("largest standard deviation of noise added to the latent before it is decoded, each face's own"),
    variation: z
      .number()
      .min(0)
      .lt(1)
      .default(0)
      .describe('how far the faces trained on are stretched, moved and tinted at random; 0 leaves them as they are'),
  }),
  z.strictObject({
    task: z.literal('diffusion'),
    ...common,
    loss,
    channelWeighting,
    standardizeEmbeddings: z
      .boolean()
      .default(false)
      .describe('brings identity embeddings to mean 0 and deviation 1 over all faces before they are projected'),
    emptyPrompts: z.number().min(0).max(1).describe('share of faces with the empty prompt'),
    minSnr: z
      .number()
      .positive()
      .optional()
      .describe('signal-to-noise ratio above which a timestep counts less in the loss; none by default'),
  }),
  z.strictObject({
    task: z.literal('msi'),
    ...common,
    loss,
    channelWeighting,
    dropout: z.number().min(0).lt(1).describe('share of values set to zero; the release has 0.05'),
    variant: z.enum(msiVariants).optional().describe("what attends to what; the model's own by default"),
    subject: z
      .union([
        z.literal('everybody'),
        z.strictObject({ identity: z.string().describe('a person of the prepared faces') }),
        z.strictObject({ image: z.string().describe('a picture of the prepared faces, by its path in the data set') }),
      ])
      .default('everybody')
      .describe('whom it is trained for'),
    flip: z.boolean().default(false).describe('whether half of the faces that are drawn are mirrored'),
  }),
  z.strictObject({
    task: z.literal('encoder'),
    ...common,
    latentWeight: z.number().min(0).default(1).describe('of the squared error of the styles that latents stand for'),
    imageWeight: z
      .number()
      .min(0)
      .default(0)
      .describe('of the L1 between faces and what the generator makes of their latents'),
    priorWeight: z.number().min(0).default(0).describe('of the mean square of the latents'),
    photos: z.array(z.string()).default([]).describe('prepared photos, whose latents nobody knows'),
    photoShare: z.number().min(0).lt(1).default(0.5).describe('of a batch, where there are photos'),
  }),
])

export type TrainConfig = z.output<typeof trainSchema>

/** Keys that a run may change when it goes on: none of them changes what a step computes, but for the rate's descent. */
export const changeable = [
  'faces',
  'steps',
  'logEvery',
  'checkpointEvery',
  'demoEvery',
  'keepCheckpoints',
  'validationBatches',
  'tracking',
] as const satisfies readonly (keyof TrainConfig)[]
