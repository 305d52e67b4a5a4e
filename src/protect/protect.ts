/** Anonymization and visual identity hiding of one aligned face: the two are one procedure under different recipes. */
import * as tf from '@tensorflow/tfjs'
import { keepsDefect, type Recipe, stepsTaken } from '../config/recipe.ts'
import { fromTensor } from '../data/image.ts'
import { normal } from '../data/random.ts'
import { addNoise } from '../diffusion/ddim.ts'
import { scheduledEmbedding } from '../diffusion/embedding-schedule.ts'
import { type Energy, type GuidedStepReport, sampleGuided } from '../diffusion/guidance.ts'
import { ddimSteps } from '../diffusion/schedule.ts'
import { diversity } from '../energies/diversity.ts'
import { dissimilarity, similarity } from '../energies/identity.ts'
import { backgroundMask } from '../faces/background.ts'
import { detectionScore } from '../faces/detect-aligned.ts'
import type { FaceParser } from '../models/bisenet.ts'
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

/** From this score on, a detector has found a face. */
const foundScore = 0.5

/**
 * Protects one aligned face as `recipe` says. Where no face is found in a version, all are drawn again, as often as
 * `attempts` says, and the version in which a face is found best is kept.
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
  let kept = await drawVersions(model, guide, face, recipe, options, 0)
  if (recipe.attempts === 1) return kept
  let scores = await detectionScores(kept)
  for (let attempt = 1; attempt < recipe.attempts && scores.some(score => score < foundScore); attempt++) {
    const drawn = await drawVersions(model, guide, face, recipe, options, attempt)
    const found = await detectionScores(drawn)
    const better = scores.map((score, i) => score < foundScore && found[i]! > score)
    const next = tf.tidy(() => tf.where(tf.tensor4d(better.map(Number), [better.length, 1, 1, 1], 'bool'), drawn, kept))
    scores = scores.map((score, i) => (better[i] ? found[i]! : score))
    tf.dispose([drawn, kept])
    kept = next as tf.Tensor4D
  }
  return kept
}

/** How surely a detector finds a face in each of some aligned faces. */
async function detectionScores(faces: tf.Tensor4D): Promise<number[]> {
  const scores: number[] = []
  for (const image of await fromTensor(faces)) scores.push(await detectionScore(image))
  return scores
}

/** The versions of one attempt, [samples, s, s, 3] in [-1, 1]. */
async function drawVersions(
  model: FaceModel,
  guide: Recognizer,
  face: tf.Tensor4D,
  recipe: Recipe,
  { identity, onStep, parser }: ProtectOptions,
  attempt: number,
): Promise<tf.Tensor4D> {
  const { seed, samples, threshold, guidance, keep } = recipe
  const steps = ddimSteps(model.schedule, recipe.steps).slice(0, stepsTaken(recipe))
  const first = steps.at(-1)!

  const clean = model.encode(face)
  const vectors = placeholdersOf(model, face, recipe)
  const conditional = model.conditional(vectors)
  const embeddingAt = scheduledEmbedding(conditional, model.unconditional, threshold, model.schedule.steps)
  const reference = guide.embed(face)
  const keptNoise = normal(clean.shape, seed, 'background', identity) as tf.Tensor4D
  const background = await backgroundMask(face, model.latentShape[0], keep.mask, parser)
  // Each sample has a stream of its own, so that the first of four is the one there would be of one.
  const start = tf.tidy(() => {
    const again = attempt === 0 ? [] : [attempt]
    const noises = Array.from({ length: samples }, (_, i) => normal(clean.shape, seed, 'start', identity, i, ...again))
    const level = keepsDefect(recipe, 'lateStart') ? { alpha: first.alphaNext } : first
    return addNoise(clean, tf.concat(noises) as tf.Tensor4D, level)
  })

  const latents = await sampleGuided(
    (z, timestep) => model.predictNoise(z, timestep, embeddingAt(timestep)),
    start,
    steps,
    {
      guidance: {
        energy: energyOf(recipe.energies, guide, reference),
        decode: model.decode,
        scale: timestep => (timestep > threshold ? guidance.above : guidance.below),
      },
      kept: {
        clean,
        mask: background,
        below: keep.below,
        ...(!keepsDefect(recipe, 'cleanBackground') && { noise: keptNoise }),
      },
      ...(onStep && { onStep }),
    },
  )
  const faces = tf.tidy(() => tf.clipByValue(model.decode(latents), -1, 1))
  tf.dispose([clean, vectors, conditional, reference, keptNoise, background, start, latents] as tf.TensorContainer)
  return faces
}

/** The weighted sum of a recipe's energies. */
function energyOf(weights: Recipe['energies'], guide: Recognizer, reference: tf.Tensor2D): Energy {
  return images => {
    const embeddings = guide.embed(images)
    const terms: [number, (embeddings: tf.Tensor2D) => tf.Scalar][] = [
      [weights.dissimilarity, e => dissimilarity(e, reference, weights.floor)],
      [weights.similarity, e => similarity(e, reference)],
      [weights.diversity, e => diversity(e, weights.floor)],
    ]
    const active = terms.filter(([weight]) => weight > 0)
    if (active.length === 0) return tf.mul(tf.sum(embeddings), 0) as tf.Scalar
    return tf.addN(active.map(([weight, term]) => tf.mul(term(embeddings), weight))) as tf.Scalar
  }
}
