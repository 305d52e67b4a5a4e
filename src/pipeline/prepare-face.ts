/** Everything that sampling a face's versions reads and that does not depend on the version: computed once. */
import * as tf from '@tensorflow/tfjs'
import { keepsDefect, type Recipe } from '../config/recipe.ts'
import type { Background } from '../diffusion/guidance.ts'
import { scheduledEmbedding } from '../diffusion/schedule.ts'
import { backgroundMask } from '../faces/mask.ts'
import type { EnergyNetworks } from '../faces/networks.ts'
import type { Point } from '../faces/template.ts'
import type { FaceParser } from '../models/bisenet.ts'
import { rowMap, spreadRows } from '../models/generator/latent-space.ts'
import type { Recognizer } from '../models/recognizers/recognizer.ts'
import { normal, type Randomness } from '../util/random.ts'
import {
  type EnergyOptions,
  type ExtraEnergy,
  energyOf,
  type FaceView,
  imageEnergies,
  readSamples,
  viewFace,
} from './energies.ts'
import type { FaceModel } from './model.ts'

export interface PrepareOptions {
  /** What random numbers come from. */
  readonly randomness: Randomness
  /** What they are for besides: the same face keeps its noise wherever it is processed. */
  readonly identity: string
  /** The 68 landmarks in pixels of the face; looked for where they are not known. */
  readonly landmarks?: readonly Point[]
  /** Gives the parser of a recipe whose background is parsed, instead of the published one. */
  readonly parser?: () => Promise<FaceParser>
  /** Gives the networks that energies read, instead of the published ones. */
  readonly networks?: () => Promise<EnergyNetworks>
  /** Energies besides those of the recipe. */
  readonly energies?: readonly ExtraEnergy[]
}

/** What of a face is computed once, whether samples start there or its key is made of it; not to be disposed of. */
export interface KnownOfFace {
  /** Its ten placeholder vectors, [10, d]. */
  readonly vectors: () => tf.Tensor2D
  /** Its own z0, [1, h, w, c]. */
  readonly latent: () => tf.Tensor4D
}

export interface PreparedFace extends FaceView {
  /** z0 in which a sample starts: the face's own latent, or that of a face like it; [1, h, w, c], not to be disposed of. */
  readonly x0Of: (sample: number, attempt: number) => tf.Tensor4D
  /** What conditions each timestep, [1, p, d]. */
  readonly embeddingAt: (timestep: number) => tf.Tensor3D
  readonly energies: EnergyOptions
  /** What of the latent stays the original's while sampling. */
  readonly background: Omit<Background, 'x0'>
  /** Standard normal noise of the latent's shape from the stream of (randomness, ...key); one draw for rows that are tied. */
  noise(...key: readonly (string | number)[]): tf.Tensor4D
  dispose(): void
}

/**
 * @param guides recognizers of faces on the template
 * @param face [1, s, s, 3] in [-1, 1], in the model's alignment
 */
export async function prepareFace(
  model: FaceModel,
  guides: readonly Recognizer[],
  face: tf.Tensor4D,
  recipe: Recipe,
  {
    known,
    randomness,
    identity,
    landmarks,
    parser,
    networks,
    energies: extra,
  }: PrepareOptions & { readonly known: KnownOfFace },
): Promise<PreparedFace> {
  const { threshold } = recipe
  const groups = model.rowGroups
  const noise = (...key: readonly (string | number)[]): tf.Tensor4D => {
    if (!groups) return normal([1, ...model.latentShape], randomness, ...key) as tf.Tensor4D
    return tf.tidy(() => spreadRows(normal([1, groups.length, 1, model.latentShape[2]], randomness, ...key), groups))
  }
  const view = await viewFace(model, face, landmarks)
  const images = await imageEnergies(recipe.energies, view, networks, extra)
  const backgroundNoise = noise('background', identity)
  const conditional = model.conditional(known.vectors())
  const seenGuides = guides.map(view.recognizer)
  const references = seenGuides.map(guide => guide.embed(face))
  const energies: EnergyOptions = {
    guides: seenGuides,
    references,
    decode: model.decode,
    composite: view.composite,
    ...(images && { images }),
  }
  const { starts, floors, areGenerated } = await startsOf(model, face, recipe, known, energies)
  const mask = groups
    ? keptRows(recipe.strength, groups, model.schedule.steps)
    : await backgroundMask(face, model.latentShape[0], recipe.keep.mask, parser)
  return {
    ...view,
    x0Of: (sample, attempt) => starts[(sample + attempt * recipe.samples) % starts.length]!,
    noise,
    embeddingAt: scheduledEmbedding(conditional, model.unconditional, threshold, model.schedule.steps),
    energies: { ...energies, floors },
    background: {
      mask,
      below: groups ? Number.POSITIVE_INFINITY : recipe.keep.below,
      ...(!keepsDefect(recipe, 'cleanBackground') && { noise: backgroundNoise }),
    },
    dispose: () => {
      view.dispose()
      images?.dispose()
      tf.dispose([...(areGenerated ? starts : []), backgroundNoise, ...conditional, ...references])
      if (mask instanceof tf.Tensor) mask.dispose()
    },
  }
}

/**
 * The latents in which samples may start: the face's own, or of faces like it, those of the lowest energy first. The latter also say
 * how little alike people like this one can be to each guide: to be less so, a face would have to be no face.
 */
async function startsOf(
  model: FaceModel,
  face: tf.Tensor4D,
  recipe: Recipe,
  known: KnownOfFace,
  energies: EnergyOptions,
): Promise<{ starts: tf.Tensor4D[]; areGenerated: boolean; floors?: number[] }> {
  if (recipe.candidates === 0 || !model.generatedLike) return { starts: [known.latent()], areGenerated: false }
  const [energy, features] = [energyOf(recipe.energies, energies), readSamples(recipe.energies, energies)]
  const candidates = tf.tidy(
    () => tf.split(model.generatedLike!(face, recipe.candidates), recipe.candidates) as tf.Tensor4D[],
  )
  const reference = tf.concat(energies.references.map(x => tf.reshape(x, [-1])))
  const widths = energies.guides.map(({ dimensions }) => dimensions)
  const [values, cosines]: [number[], number[][]] = [[], []]
  for (const candidate of candidates) {
    const [value, ...alike] = tf.tidy(() => {
      const read = features(candidate)
      const products = tf.mul(tf.slice(tf.reshape(read, [-1]), 0, reference.size), reference)
      return [energy(read), ...tf.split(products, widths).map(part => tf.sum(part))]
    })
    values.push((await value!.data())[0]!)
    cosines.push(await Promise.all(alike.map(async cosine => (await cosine.data())[0]!)))
    tf.dispose([value!, ...alike])
  }
  reference.dispose()
  const order = values.map((_, i) => i).sort((i, j) => values[i]! - values[j]!)
  const floors = widths.map((_, k) => Math.min(...cosines.map(row => row[k]!)))
  return { starts: order.map(i => candidates[i]!), areGenerated: true, floors }
}

/** Rows of a group are kept until the share of the timesteps that its strength leaves: weaker ones join later. */
function keptRows(strength: Recipe['strength'], groups: readonly number[], timesteps: number) {
  const strengths = typeof strength === 'number' ? groups.map(() => strength) : strength
  return (timestep: number): tf.Tensor4D =>
    rowMap(
      strengths.map(strength => (timestep > strength * timesteps ? 1 : 0)),
      groups,
    )
}
