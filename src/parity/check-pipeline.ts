/** The whole procedure on tiny networks: embeddings, inversion, recovery, and guided anonymization of two samples. */
import * as tf from '@tensorflow/tfjs'
import type { Denoiser } from '../diffusion/ddim.ts'
import { addNoise, sample } from '../diffusion/ddim.ts'
import { type GuidedStepReport, sampleGuided } from '../diffusion/guidance.ts'
import { invert, paperCodeInversionSteps } from '../diffusion/inversion.ts'
import { bucketOf, ddimSteps, noiseSchedule, scheduledEmbedding } from '../diffusion/schedule.ts'
import { dissimilarity, diversity } from '../energies/identity.ts'
import { BUCKETS } from '../models/msi.ts'
import { irSe50 } from '../models/recognizers/ir-se50.ts'
import { adaptiveAveragePool } from '../models/recognizers/recognizer.ts'
import { goldenText, goldenVision, type TextGoldenConfig, type VisionGoldenConfig } from './check-clip.ts'
import {
  type AutoencoderGoldenConfig,
  goldenAutoencoder,
  goldenMsi,
  goldenUnet,
  type MsiGoldenConfig,
  type UnetGoldenConfig,
} from './check-latent-diffusion.ts'
import type { LoadGolden } from './golden.ts'
import {
  type Check,
  compare,
  type GoldenInput,
  type GoldenTensor,
  imageInput,
  proceduralWeights,
  relativeError,
  toNchw,
} from './golden.ts'

export interface PipelineGoldenFile {
  name: string
  /** Names of the files that say what the networks are. */
  networks: Record<'unet' | 'autoencoder' | 'vision' | 'text' | 'msi' | 'recognizer', string>
  settings: {
    ddim_steps: number
    strength: number
    conditional_when_timestep_above: number
    guidance_scale: number
    mask_when_timestep_below: number
    scale_factor: number
    placeholder_position: number
    tokens_star: number[][]
    tokens_empty: number[][]
  }
  inputs: Record<'image' | 'pixels' | 'mask' | 'noise', GoldenInput>
  outputs: Record<string, GoldenTensor>
  steps: { timestep: number; bucket: number; conditional: boolean; energy: number; gradient_norm: number }[]
}

const pipelineTolerance = 1e-3
/** The hidden states that the release inverts, shallow to deep. */
const invertedStates = [3, 7, 11, 15, 24]
/** Above this value the mask says background. */
const backgroundFrom = 0.3

/** Everything that `outputs` and `steps` list, in the order of the run. */
export async function checkPipeline(golden: PipelineGoldenFile, load: LoadGolden): Promise<Check[]> {
  const { settings, inputs, outputs } = golden
  const networks = await loadNetworks(golden.networks, load)
  const kept: tf.Tensor[] = []
  /** Keeps a tensor until the end of the check. */
  const keep = <T extends tf.Tensor>(tensor: T): T => {
    kept.push(tensor)
    return tensor
  }
  const checks: Check[] = []
  const check = async (what: string, tensor: tf.Tensor) =>
    checks.push(await compare(what, tensor, outputs[what], pipelineTolerance))
  const image = keep(tf.tidy(() => tf.clipByValue(imageInput(inputs.image), -1, 1)))
  const noise = keep(imageInput(inputs.noise))

  // The clean latent, and the embeddings C = {c_0..c_9} and u.
  const z0 = keep(networks.encode(image, settings.scale_factor))
  const decode = (z: tf.Tensor4D) => networks.decode(z, settings.scale_factor)
  const conditional = networks.embeddings(inputs.pixels, settings).map(keep)
  const unconditional = keep(networks.prompt(settings.tokens_empty))
  await check('z0', toNchw(z0))
  await check('c_0', conditional[0]!.clone())
  await check('c_9', conditional[9]!.clone())
  await check('unconditional', unconditional.clone())

  // Inversion and recovery, under c_b throughout.
  const schedule = noiseSchedule()
  const steps = ddimSteps(schedule, settings.ddim_steps)
  const alwaysConditional = networks.denoiser(scheduledEmbedding(conditional, unconditional, -1, schedule.steps))
  const zT = keep(invert(alwaysConditional, z0, paperCodeInversionSteps(steps)))
  const recovered = keep(sample(alwaysConditional, zT, steps))
  await check('z_T', toNchw(zT))
  await check('z_recovered', toNchw(recovered))
  await check('image_recovered', toNchw(keep(decode(recovered))))

  // Anonymization from noise at the timestep that follows the last one visited.
  const reference = keep(networks.embed(image))
  await check('reference_embedding', reference.clone())
  const count = Math.round(settings.strength * settings.ddim_steps)
  const start = keep(addNoise(z0, noise, steps[count]!.alphaCumprod))
  const embedding = scheduledEmbedding(
    conditional,
    unconditional,
    settings.conditional_when_timestep_above,
    schedule.steps,
  )
  const reports: GuidedStepReport[] = []
  const anonymized = keep(
    await sampleGuided(networks.denoiser(embedding), start, steps.slice(0, count), {
      guidance: {
        energy: embeddings => tf.add(dissimilarity(embeddings, reference), diversity(embeddings)),
        features: z => networks.embed(decode(z)),
        scale: () => settings.guidance_scale,
      },
      background: { x0: z0, mask: keep(latentMask(inputs.mask, z0)), below: settings.mask_when_timestep_below },
      onStep: report => reports.push(report),
    }),
  )
  await check('z_anonymized', toNchw(anonymized))
  await check('image_anonymized', toNchw(keep(decode(anonymized))))

  const checkSteps = (what: string, actual: number[], expected: number[]) =>
    checks.push({
      what,
      relativeError: actual.length === expected.length ? relativeError(actual, expected) : Number.POSITIVE_INFINITY,
      tolerance: pipelineTolerance,
    })
  const [timesteps, energies, norms] = [
    reports.map(({ step }) => step.timestep),
    reports.map(({ energy }) => energy),
    reports.map(({ gradientNorm }) => gradientNorm),
  ]
  checkSteps(
    'steps: timestep',
    timesteps,
    golden.steps.map(({ timestep }) => timestep),
  )
  checkSteps(
    'steps: bucket',
    timesteps.map(t => bucketOf(t, BUCKETS, schedule.steps)),
    golden.steps.map(({ bucket }) => bucket),
  )
  checkSteps(
    'steps: conditional',
    timesteps.map(t => Number(embedding(t) !== unconditional)),
    golden.steps.map(step => Number(step.conditional)),
  )
  checkSteps(
    'steps: energy',
    energies,
    golden.steps.map(({ energy }) => energy),
  )
  checkSteps(
    'steps: gradient norm',
    norms,
    golden.steps.map(step => step.gradient_norm),
  )
  tf.dispose([kept, networks.weights])
  return checks
}

/** The five networks and the recognizer, as functions bound to their procedural weights. */
async function loadNetworks(names: PipelineGoldenFile['networks'], load: LoadGolden) {
  const config = async <T>(name: string) => (await load(name)).config as T
  const unet = goldenUnet(await config<UnetGoldenConfig>(names.unet))
  const autoencoder = goldenAutoencoder(await config<AutoencoderGoldenConfig>(names.autoencoder))
  const vision = goldenVision(await config<VisionGoldenConfig>(names.vision))
  const text = goldenText(await config<TextGoldenConfig>(names.text))
  const msi = goldenMsi(await config<MsiGoldenConfig>(names.msi))
  const recognizer = irSe50()
  // One set of weights for each network: text and vision share parameter names.
  const weights = {
    unet: proceduralWeights(unet.parameters),
    autoencoder: proceduralWeights(autoencoder.parameters),
    vision: proceduralWeights(vision.parameters),
    text: proceduralWeights(text.parameters),
    msi: proceduralWeights(msi.parameters),
    recognizer: proceduralWeights(recognizer.parameters),
  }
  return {
    weights,
    /** Mean of the latent distribution, scaled: image [n, h, w, 3] -> [n, h / f, w / f, c]. */
    encode: (image: tf.Tensor4D, scale: number): tf.Tensor4D =>
      tf.tidy(() => {
        const [means] = tf.split(autoencoder.encode(weights.autoencoder, image), 2, 3)
        return tf.mul(means as tf.Tensor4D, scale)
      }),
    decode: (z: tf.Tensor4D, scale: number): tf.Tensor4D =>
      tf.tidy(() => autoencoder.decode(weights.autoencoder, tf.mul(z, 1 / scale))),
    prompt: (tokens: number[][]) => text(weights.text, tokens),
    /** c_0..c_9 of the pixels that CLIP sees. */
    embeddings: (pixels: GoldenInput, { tokens_star, placeholder_position }: PipelineGoldenFile['settings']) =>
      tf.tidy(() => {
        const { hiddenStates } = vision(weights.vision, imageInput(pixels))
        const features = invertedStates.map(k => hiddenStates[k]!)
        return Array.from({ length: BUCKETS }, (_, bucket) =>
          text(weights.text, tokens_star, {
            position: placeholder_position,
            vectors: msi(weights.msi, features, bucket),
          }),
        )
      }),
    denoiser:
      (embedding: (timestep: number) => tf.Tensor3D): Denoiser =>
      (z, timestep) =>
        tf.tidy(() => {
          const n = z.shape[0]
          return unet(weights.unet, z, tf.fill([n], timestep), tf.tile(embedding(timestep), [n, 1, 1]))
        }),
    /** The release's crop for ArcFace: nearest resize to 256, rows 35 to 223, columns 32 to 220, pooled to 112. */
    embed: (images: tf.Tensor4D): tf.Tensor2D =>
      tf.tidy(() => {
        const large = tf.image.resizeNearestNeighbor(images, [256, 256])
        const face = tf.slice(large, [0, 35, 32, 0], [images.shape[0], 188, 188, 3])
        return recognizer(weights.recognizer, adaptiveAveragePool(face, 112))
      }),
  }
}

/** The background mask at the size of the latent, [1, h, w, 1]: 1 where the original is kept. */
function latentMask(mask: GoldenInput, { shape: [, height, width] }: tf.Tensor4D): tf.Tensor4D {
  return tf.tidy(() => {
    const background = tf.cast(tf.greater(imageInput(mask), backgroundFrom), 'float32') as tf.Tensor4D
    return tf.image.resizeNearestNeighbor(background, [height, width])
  })
}
