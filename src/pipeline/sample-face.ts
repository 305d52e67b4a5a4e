/** Guided diffusion of the protected versions of a face that was prepared: anonymizing and hiding differ in their recipes alone. */
import * as tf from '@tensorflow/tfjs'
import { forGuide, keepsDefect, type Recipe, stepsTaken } from '../config/recipe.ts'
import type { Denoiser } from '../diffusion/ddim.ts'
import { addNoise } from '../diffusion/ddim.ts'
import { type GuidedStepReport, perturbedAttentionGuidance, sampleGuided } from '../diffusion/guidance.ts'
import { ddimSteps } from '../diffusion/schedule.ts'
import { detectionScore } from '../faces/ssd-mobilenet.ts'
import { fromTensor } from '../images/image.ts'
import { clampToShell, tieRows } from '../models/generator/latent-space.ts'
import { optimizeLatents } from '../models/latent-optimization.ts'
import type { PerturbedBlocks } from '../models/unet.ts'
import { energyOf, readSamples } from './energies.ts'
import type { FaceModel } from './model.ts'
import type { PreparedFace } from './prepare-face.ts'

/** Pixels of the samples whose gradient is taken at once: one of 512 x 512, for which Stable Diffusion takes 16 GB. */
const pixelsAtOnce = 2 ** 18

/** From this score on, a detector has found a face. */
const foundScore = 0.5

/** Rows of a generator's latents stay within this squared norm, relative to their number of dimensions. */
const shell = 1.3

/** Options of {@link sampleFace}: the random streams of a face and a callback for its steps. */
export interface SampleOptions {
  /** Identifier of the face, part of the name of its random streams. */
  readonly identity: string
  /** How often a check rejected earlier versions, 0 at first: each round has separate attempts, with other noise and initial latents. */
  readonly round?: number | undefined
  readonly onStep?: ((report: GuidedStepReport) => void) | undefined
}

/**
 * Latents of the protected versions of a face, [samples, h, w, c]. A version in which no face is found, or whose similarity to the
 * original by a white-box recognizer exceeds `likeness`, is resampled up to `attempts` times, and the best sample is kept.
 */
export async function sampleFace(
  model: FaceModel,
  prepared: PreparedFace,
  recipe: Recipe,
  options: SampleOptions,
): Promise<tf.Tensor4D> {
  const all = Array.from({ length: recipe.samples }, (_, sample) => sample)
  const begin = (options.round ?? 0) * recipe.attempts
  const first = await sampleVersions(model, prepared, recipe, options, { samples: all, attempt: begin })
  if (recipe.attempts === 1) return first
  const { guides } = prepared.energies
  const scores = await rejectionScores(model, first, prepared, recipe)
  const versions = separate(first)
  for (let attempt = 1; attempt < recipe.attempts; attempt++) {
    const failed = all.filter(sample => scores[sample]! > 0)
    if (failed.length === 0) break
    const passed = all.filter(sample => !failed.includes(sample)).map(sample => versions[sample]!)
    const others =
      passed.length > 0
        ? tf.tidy(() => {
            const seen = prepared.composite(model.decode(tf.concat(passed)))
            return guides.map(({ embed }) => embed(seen))
          })
        : undefined
    const sampled = await sampleVersions(model, prepared, recipe, options, {
      samples: failed,
      attempt: begin + attempt,
      others,
    })
    const found = await rejectionScores(model, sampled, prepared, recipe)
    for (const [i, version] of separate(sampled).entries()) {
      const sample = failed[i]!
      const better = found[i]! < scores[sample]!
      tf.dispose(better ? versions[sample]! : version)
      if (!better) continue
      versions[sample] = version
      scores[sample] = found[i]!
    }
    tf.dispose(others ?? [])
  }
  const latents = tf.concat(versions)
  tf.dispose(versions)
  return latents
}

/** The latents of a batch one by one; the batch is disposed of. */
function separate(latents: tf.Tensor4D): tf.Tensor4D[] {
  const parts = tf.split(latents, latents.shape[0]) as tf.Tensor4D[]
  latents.dispose()
  return parts
}

/**
 * How far each version is from what the recipe accepts: 0 where it is accepted, 1 and more where no face is found in it, and
 * in between where a guide finds it too much like the original.
 */
async function rejectionScores(
  model: FaceModel,
  latents: tf.Tensor4D,
  { energies: { guides, references }, composite }: PreparedFace,
  { likeness }: Recipe,
): Promise<number[]> {
  const faces = tf.tidy(() => composite(tf.clipByValue(model.decode(latents), -1, 1)))
  const similarities = tf.tidy(() => guides.map(({ embed }, i) => tf.sum(tf.mul(embed(faces), references[i]!), 1)))
  const perGuide = await Promise.all(similarities.map(values => values.data()))
  tf.dispose(similarities)
  const scores: number[] = []
  for (const [i, image] of (await fromTensor(faces)).entries()) {
    const unfound = (await detectionScore(image)) < foundScore ? 1 : 0
    const excesses = guides.map(({ name }, k) => {
      const most = forGuide(likeness, name, 1)
      return most < 1 ? Math.max(0, (perGuide[k]![i]! - most) / (1 - most)) : 0
    })
    scores.push(unfound + Math.max(...excesses))
  }
  faces.dispose()
  return scores
}

/** Which versions are sampled: in which attempt, and beside which others, whose embeddings diversity counts too. */
interface Sampling {
  readonly samples: readonly number[]
  readonly attempt: number
  /** Unit embeddings [m, d] under each guide. */
  readonly others?: readonly tf.Tensor2D[] | undefined
}

/** Samples latents of versions, [samples, h, w, c]. */
async function sampleVersions(
  model: FaceModel,
  { x0Of, noise, embeddingAt, energies, background }: PreparedFace,
  recipe: Recipe,
  { identity, onStep }: SampleOptions,
  { samples, attempt, others }: Sampling,
): Promise<tf.Tensor4D> {
  const { threshold, guidance } = recipe
  const groups = model.rowGroups
  const steps = ddimSteps(model.schedule, recipe.steps).slice(0, stepsTaken(recipe))
  const first = steps.at(-1)!
  // Each sample has a stream of its own, so that the first of four is the one there would be of one.
  const noiseOf = (purpose: string, ...key: number[]) => {
    const again = attempt === 0 ? [] : [attempt]
    return tf.tidy(
      () => tf.concat(samples.map(sample => noise(purpose, identity, sample, ...again, ...key))) as tf.Tensor4D,
    )
  }
  const x0 = tf.concat(samples.map(sample => x0Of(sample, attempt)))
  const start = tf.tidy(() =>
    addNoise(x0, noiseOf('start'), keepsDefect(recipe, 'lateStart') ? first.alphaCumprodNext : first.alphaCumprod),
  )
  const denoiser =
    (perturbed?: PerturbedBlocks): Denoiser =>
    (z, timestep) =>
      model.predictNoise(z, timestep, embeddingAt(timestep), perturbed)
  const features = readSamples(recipe.energies, energies)
  const energy = energyOf(recipe.energies, energies, others)
  const project = groups && ((gradient: tf.Tensor4D) => tieRows(gradient, groups))
  const sampled = await sampleGuided(
    perturbedAttentionGuidance(denoiser(), denoiser(recipe.attentionGuidance.blocks), recipe.attentionGuidance.scale),
    start,
    steps,
    {
      guidance: {
        energy,
        features,
        atOnce: Math.max(1, Math.floor(pixelsAtOnce / model.imageSize ** 2)),
        scale: timestep => (timestep > threshold ? guidance.above : guidance.below),
        iterations: guidance.iterations,
        ...(project && { project }),
      },
      background: { ...background, x0 },
      added: { eta: recipe.eta, noise: timestep => noiseOf('added', timestep) },
      ...(onStep && { onStep }),
    },
  )
  tf.dispose([start, x0])
  if (recipe.optimization.steps === 0) return sampled
  const latents = optimizeLatents(sampled, z => energy(features(z)), recipe.optimization, {
    ...(project && { project, constrain: (z: tf.Tensor4D) => clampToShell(z, shell) }),
  })
  sampled.dispose()
  return latents
}
