/** Anonymization and visual identity hiding of one aligned face: the two are one procedure under different recipes. */
import * as tf from '@tensorflow/tfjs'
import { keepsDefect, type Recipe, stepsTaken } from '../config/recipe.ts'
import { fromTensor } from '../data/image.ts'
import { normal } from '../data/random.ts'
import { awayFromPerturbed } from '../diffusion/attention-guidance.ts'
import { addNoise } from '../diffusion/ddim.ts'
import type { Denoiser } from '../diffusion/denoiser.ts'
import { scheduledEmbedding } from '../diffusion/embedding-schedule.ts'
import { type Energy, type GuidedStepReport, sampleGuided } from '../diffusion/guidance.ts'
import { ddimSteps } from '../diffusion/schedule.ts'
import { diversity } from '../energies/diversity.ts'
import { dissimilarity, similarity } from '../energies/identity.ts'
import { backgroundMask } from '../faces/background.ts'
import { detectionScore } from '../faces/detect-aligned.ts'
import type { FaceParser } from '../models/bisenet.ts'
import type { PerturbedBlocks } from '../models/perturbed-blocks.ts'
import type { Recognizer } from '../models/recognizers/recognizer.ts'
import type { FaceModel } from './model.ts'
import { placeholdersOf } from './placeholders.ts'

export interface ProtectOptions {
  /** What random numbers are keyed by besides the seed: the same face keeps its noise wherever it is processed. */
  readonly identity: string
  readonly onStep?: (report: GuidedStepReport) => void
  /** Gives the parser of a recipe whose background is parsed, instead of the published one. */
  readonly parser?: () => Promise<FaceParser>
}

/** Pixels of the samples whose gradient is taken at once: one of 512 x 512, for which Stable Diffusion takes 16 GB. */
const pixelsAtOnce = 2 ** 18

/** From this score on, a detector has found a face. */
const foundScore = 0.5

/**
 * Protects one aligned face as `recipe` says. A version in which no face is found, or which the guide finds more like the
 * original than `likeness`, is drawn again, as often as `attempts` says, and the best of its drawings is kept.
 * @param face [1, s, s, 3] in [-1, 1]
 * @returns `samples` protected versions, [samples, s, s, 3] in [-1, 1]
 */
export async function protectFace(
  model: FaceModel,
  guide: Recognizer,
  face: tf.Tensor4D,
  recipe: Recipe,
  options: ProtectOptions,
): Promise<tf.Tensor4D> {
  const all = Array.from({ length: recipe.samples }, (_, sample) => sample)
  const clean = model.encode(face)
  const draw = (drawing: Drawing) => drawVersions(model, guide, face, clean, recipe, options, drawing)
  try {
    const first = await draw({ samples: all, attempt: 0 })
    return recipe.attempts === 1 ? first : await drawAgain(first, draw, guide, face, recipe)
  } finally {
    clean.dispose()
  }
}

/** Draws those of the versions again that the recipe does not accept; the versions given are disposed of. */
async function drawAgain(
  first: tf.Tensor4D,
  draw: (drawing: Drawing) => Promise<tf.Tensor4D>,
  guide: Recognizer,
  face: tf.Tensor4D,
  recipe: Recipe,
): Promise<tf.Tensor4D> {
  const all = Array.from({ length: recipe.samples }, (_, sample) => sample)
  const reference = guide.embed(face)
  const shortfalls = await shortfallsOf(first, guide, reference, recipe.likeness)
  const versions = separate(first)
  for (let attempt = 1; attempt < recipe.attempts; attempt++) {
    const failed = all.filter(sample => shortfalls[sample]! > 0)
    if (failed.length === 0) break
    const passed = all.filter(sample => !failed.includes(sample)).map(sample => versions[sample]!)
    const others = passed.length > 0 ? tf.tidy(() => guide.embed(tf.concat(passed))) : undefined
    const drawn = await draw({ samples: failed, attempt, others })
    const found = await shortfallsOf(drawn, guide, reference, recipe.likeness)
    for (const [i, version] of separate(drawn).entries()) {
      const sample = failed[i]!
      const better = found[i]! < shortfalls[sample]!
      tf.dispose(better ? versions[sample]! : version)
      if (!better) continue
      versions[sample] = version
      shortfalls[sample] = found[i]!
    }
    tf.dispose(others ?? [])
  }
  const faces = tf.concat(versions)
  tf.dispose([reference, ...versions])
  return faces
}

/** The pictures of a batch one by one; the batch is disposed of. */
function separate(faces: tf.Tensor4D): tf.Tensor4D[] {
  const parts = tf.split(faces, faces.shape[0]) as tf.Tensor4D[]
  faces.dispose()
  return parts
}

/**
 * How far each version is from what the recipe accepts: 0 where it is accepted, 1 and more where no face is found in it, and
 * in between where the guide finds it too much like the original.
 */
async function shortfallsOf(
  faces: tf.Tensor4D,
  guide: Recognizer,
  reference: tf.Tensor2D,
  likeness: number,
): Promise<number[]> {
  const cosines = tf.tidy(() => tf.sum(tf.mul(guide.embed(faces), reference), 1))
  const likenesses = await cosines.data()
  cosines.dispose()
  const shortfalls: number[] = []
  for (const [i, image] of (await fromTensor(faces)).entries()) {
    const unfound = (await detectionScore(image)) < foundScore ? 1 : 0
    const tooLike = likeness < 1 ? Math.max(0, (likenesses[i]! - likeness) / (1 - likeness)) : 0
    shortfalls.push(unfound + tooLike)
  }
  return shortfalls
}

/** Which versions are drawn: in which attempt, and beside which others, whose unit embeddings [m, d] diversity counts too. */
interface Drawing {
  readonly samples: readonly number[]
  readonly attempt: number
  readonly others?: tf.Tensor2D | undefined
}

/**
 * Draws versions, [samples, s, s, 3] in [-1, 1].
 * @param clean the face's latent
 */
async function drawVersions(
  model: FaceModel,
  guide: Recognizer,
  face: tf.Tensor4D,
  clean: tf.Tensor4D,
  recipe: Recipe,
  { identity, onStep, parser }: ProtectOptions,
  { samples, attempt, others }: Drawing,
): Promise<tf.Tensor4D> {
  const { seed, threshold, guidance, keep } = recipe
  const steps = ddimSteps(model.schedule, recipe.steps).slice(0, stepsTaken(recipe))
  const first = steps.at(-1)!

  const vectors = placeholdersOf(model, face, recipe)
  const conditional = model.conditional(vectors)
  const embeddingAt = scheduledEmbedding(conditional, model.unconditional, threshold, model.schedule.steps)
  const reference = guide.embed(face)
  const keptNoise = normal(clean.shape, seed, 'background', identity) as tf.Tensor4D
  const background = await backgroundMask(face, model.latentShape[0], keep.mask, parser)
  // Each sample has a stream of its own, so that the first of four is the one there would be of one.
  const noise = (purpose: string, ...key: number[]) => {
    const again = attempt === 0 ? [] : [attempt]
    const each = samples.map(sample => normal(clean.shape, seed, purpose, identity, sample, ...again, ...key))
    return tf.concat(each) as tf.Tensor4D
  }
  const start = tf.tidy(() =>
    addNoise(clean, noise('start'), keepsDefect(recipe, 'lateStart') ? { alpha: first.alphaNext } : first),
  )

  const denoiser =
    (perturbed?: PerturbedBlocks): Denoiser =>
    (z, timestep) =>
      model.predictNoise(z, timestep, embeddingAt(timestep), perturbed)
  const latents = await sampleGuided(
    awayFromPerturbed(denoiser(), denoiser(recipe.attentionGuidance.blocks), recipe.attentionGuidance.scale),
    start,
    steps,
    {
      guidance: {
        energy: energyOf(recipe.energies, reference, others),
        features: z => guide.embed(model.decode(z)),
        atOnce: Math.max(1, Math.floor(pixelsAtOnce / model.imageSize ** 2)),
        scale: timestep => (timestep > threshold ? guidance.above : guidance.below),
      },
      kept: {
        clean,
        mask: background,
        below: keep.below,
        ...(!keepsDefect(recipe, 'cleanBackground') && { noise: keptNoise }),
      },
      added: { eta: recipe.eta, noise: timestep => noise('added', timestep) },
      ...(onStep && { onStep }),
    },
  )
  const faces = tf.tidy(() => tf.clipByValue(model.decode(latents), -1, 1))
  tf.dispose([vectors, conditional, reference, keptNoise, background, start, latents] as tf.TensorContainer)
  return faces
}

/** The weighted sum of a recipe's energies; samples are to differ from `others` as from each other. */
function energyOf(weights: Recipe['energies'], reference: tf.Tensor2D, others?: tf.Tensor2D): Energy {
  return embeddings => {
    const terms: [number, (embeddings: tf.Tensor2D) => tf.Scalar][] = [
      [weights.dissimilarity, e => dissimilarity(e, reference, weights.floor)],
      [weights.similarity, e => similarity(e, reference)],
      [weights.diversity, e => diversity(others ? tf.concat([e, others]) : e, weights.floor)],
    ]
    const active = terms.filter(([weight]) => weight > 0)
    if (active.length === 0) return tf.mul(tf.sum(embeddings), 0) as tf.Scalar
    return tf.addN(active.map(([weight, term]) => tf.mul(term(embeddings), weight))) as tf.Scalar
  }
}
