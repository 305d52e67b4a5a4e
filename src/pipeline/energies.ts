/** What a recipe's guidance reads of the samples of one face, and lowers. */
import * as tf from '@tensorflow/tfjs'
import { forGuide, type Recipe } from '../config/recipe.ts'
import type { Energy } from '../diffusion/guidance.ts'
import { attributeEnergy } from '../energies/attributes.ts'
import { expressionEnergy } from '../energies/expression.ts'
import { facialAttributeEnergy } from '../energies/facial-attributes.ts'
import { gazeEnergy } from '../energies/gaze.ts'
import { dissimilarity, diversity, similarity } from '../energies/identity.ts'
import { type ImageEnergy, type OriginalFace, weightedSum } from '../energies/image-energy.ts'
import { landmarkEnergy } from '../energies/landmarks.ts'
import { rimEnergy } from '../energies/rim.ts'
import { structureEnergy } from '../energies/structure.ts'
import { toneEnergy } from '../energies/tone.ts'
import { landmarksOfAligned, templateRectangle } from '../faces/alignment.ts'
import { outlineMask } from '../faces/face-regions.ts'
import { type FacialAttributeClassifier, loadFacialAttributes } from '../faces/facial-attributes.ts'
import { type EnergyNetworks, energyNetworks } from '../faces/networks.ts'
import type { Point } from '../faces/template.ts'
import { fromTensor } from '../images/image.ts'
import { shellEnergy } from '../models/generator/latent-space.ts'
import type { Recognizer } from '../models/recognizers/recognizer.ts'
import { cropResize } from '../models/recognizers/recognizer.ts'
import type { FaceModel } from './model.ts'

// How an aligned face is looked at: what recognizers see of it, and what of a change to it the photo will show.

export interface FaceView {
  /** [1, s, s, 3] in [-1, 1]; the caller's. */
  readonly face: tf.Tensor4D
  /** The 68 landmarks in pixels of the face. */
  readonly landmarks: () => Promise<readonly Point[]>
  /** Where a change is shown, [1, s, s, 1] in 0..1; undefined where all of it is. */
  readonly mask?: tf.Tensor4D
  /** A recognizer of faces on the template as one of faces in this alignment. */
  recognizer(recognizer: Recognizer): Recognizer
  /** Changed faces [n, s, s, 3] -> what the photo will show of them in place of the face; differentiable. */
  composite(images: tf.Tensor4D): tf.Tensor4D
  dispose(): void
}

/** Side at which recognizers are given a crop: as large as the largest of their inputs, nearly. */
const recognizerSide = 160

export async function viewFace(
  { alignment }: Pick<FaceModel, 'alignment'>,
  face: tf.Tensor4D,
  known?: readonly Point[],
): Promise<FaceView> {
  let found: Promise<readonly Point[]> | undefined
  const landmarks = () => {
    found ??= known ? Promise.resolve(known) : fromTensor(face).then(([image]) => landmarksOfAligned(image!, alignment))
    return found
  }
  if (alignment === 'template')
    return { face, landmarks, recognizer: same => same, composite: images => images, dispose: () => {} }
  const side = face.shape[1]
  const points = await landmarks()
  const rectangle = templateRectangle(points, side)
  const mask = tf.tensor4d(outlineMask(points, side), [1, side, side, 1])
  const surroundings = tf.tidy(() => tf.mul(face, tf.sub(1, mask)))
  return {
    face,
    landmarks,
    mask,
    recognizer: recognizer => ({
      ...recognizer,
      embed: faces => recognizer.embed(cropResize(faces, rectangle, recognizerSide)),
    }),
    composite: images => tf.tidy(() => tf.add(tf.mul(images, mask), surroundings)),
    dispose: () => tf.dispose([mask, surroundings]),
  }
}

/** The face that samples stand for. */
export interface EnergyOptions {
  /** The recognizers that guide, over faces in the model's alignment. */
  readonly guides: readonly Recognizer[]
  /** The original's embedding under each guide, [1, d]. */
  readonly references: readonly tf.Tensor2D[]
  /** Under each guide, the lowest cosine among unrelated faces like this one: the least floor of the recipe's energies. */
  readonly floors?: readonly number[]
  /** Latents -> pictures; differentiable. */
  readonly decode: (latents: tf.Tensor4D) => tf.Tensor4D
  /** What of decoded pictures the photo will show: recognizers see that. */
  readonly composite: (images: tf.Tensor4D) => tf.Tensor4D
  /** The weighted sum of the recipe's energies of pictures. */
  readonly images?: ImageEnergy
}

/** Latents -> [n, d]: embeddings under each guide, one after the other, and last each sample's own energy. */
export function readSamples(
  { shell }: Pick<Recipe['energies'], 'shell'>,
  { guides, decode, composite, images }: EnergyOptions,
): (latents: tf.Tensor4D) => tf.Tensor2D {
  return latents => {
    const decoded = decode(latents)
    const seen = composite(decoded)
    const embeddings = guides.map(({ embed }) => embed(seen))
    const own: tf.Tensor1D[] = []
    if (images) own.push(images.energy(decoded))
    if (shell > 0) own.push(tf.mul(shellEnergy(latents), shell))
    if (own.length === 0) return tf.concat(embeddings, 1) as tf.Tensor2D
    return tf.concat([...embeddings, tf.reshape(tf.addN(own), [-1, 1])], 1) as tf.Tensor2D
  }
}

/**
 * The weighted sum of a recipe's energies, of what `readSamples` gives.
 * @param others embeddings [m, d] of further samples under each guide, from which these are to differ as from each other
 */
export function energyOf(
  weights: Recipe['energies'],
  { guides, references, floors }: Pick<EnergyOptions, 'guides' | 'references' | 'floors'>,
  others?: readonly tf.Tensor2D[],
): Energy {
  const width = guides.reduce((sum, { dimensions }) => sum + dimensions, 0)
  return features => {
    const n = features.shape[0]
    const terms: tf.Scalar[] = []
    let start = 0
    for (const [i, { name, dimensions }] of guides.entries()) {
      const embeddings = tf.slice(features, [0, start], [n, dimensions])
      start += dimensions
      const floor = Math.max(forGuide(weights.floor, name), (floors?.[i] ?? -1) - forGuide(weights.floorMargin, name))
      const add = (weight: Recipe['energies']['similarity'], energy: () => tf.Scalar) => {
        const factor = forGuide(weight, name)
        if (factor > 0) terms.push(tf.mul(energy(), factor) as tf.Scalar)
      }
      add(weights.dissimilarity, () => dissimilarity(embeddings, references[i]!, floor))
      add(weights.similarity, () => similarity(embeddings, references[i]!))
      add(weights.diversity, () => diversity(others ? tf.concat([embeddings, others[i]!]) : embeddings, floor))
    }
    if (features.shape[1] > width) terms.push(tf.sum(tf.slice(features, [0, width], [n, 1])))
    return terms.length === 0 ? (tf.mul(tf.sum(features), 0) as tf.Scalar) : tf.addN(terms)
  }
}

/** What an energy is made of. */
interface Materials {
  readonly original: OriginalFace
  readonly networks: EnergyNetworks
  readonly classify: FacialAttributeClassifier
  /** Where a change is shown, [1, s, s, 1]. */
  readonly mask: tf.Tensor4D
  /** Around its border, [1, s, s, 1]. */
  readonly rim: tf.Tensor4D
}

const makers = {
  landmarks: ({ original, networks }) => landmarkEnergy(original, { network: networks.landmarks }),
  gaze: ({ original, networks }) => gazeEnergy(original, { network: networks.iris }),
  structure: ({ original }) => structureEnergy(original),
  expression: ({ original, networks }) => expressionEnergy(original, { network: networks.expression }),
  attributes: ({ original, networks }) => attributeEnergy(original, { network: networks.ageGender }),
  facialAttributes: ({ original, classify }) => facialAttributeEnergy(original, { classify }),
  rim: ({ original, rim }) => rimEnergy(original.face, rim),
  tone: ({ original, mask }) => toneEnergy(original.face, mask),
} as const satisfies Readonly<Partial<Record<keyof Recipe['energies'], (materials: Materials) => ImageEnergy>>>

const names = Object.keys(makers) as (keyof typeof makers)[]

/** An energy that no recipe knows, with its weight. */
export interface ExtraEnergy {
  readonly weight: number
  /** Makes it for one face. */
  readonly make: (original: OriginalFace) => ImageEnergy
}

/** The weighted sum of those that a recipe asks for, and of further ones; undefined where there is none. */
export async function imageEnergies(
  weights: Recipe['energies'],
  view: FaceView,
  loadNetworks = energyNetworks,
  extra: readonly ExtraEnergy[] = [],
): Promise<ImageEnergy | undefined> {
  const asked = names.filter(name => weights[name] > 0)
  if (asked.length + extra.length === 0) return undefined
  const landmarks = await view.landmarks()
  const [networks, classify] = [await loadNetworks(), await loadFacialAttributes()]
  const whole = tf.ones([1, view.face.shape[1], view.face.shape[2], 1]) as tf.Tensor4D
  const mask = view.mask ?? whole
  const rim = tf.tidy(() => rimOf(mask))
  const materials: Materials = { original: { face: view.face, landmarks }, networks, classify, mask, rim }
  const sum = weightedSum([
    ...asked.map(name => [makers[name](materials), weights[name]] as const),
    ...extra.map(({ make, weight }) => [make(materials.original), weight] as const),
  ])
  tf.dispose([whole, rim])
  return sum
}

/** Where a mask is neither 0 nor 1, and the pixels next to it: 1 - |2 m - 1| of the mask, blurred and at most 1. */
function rimOf(mask: tf.Tensor4D): tf.Tensor4D {
  const side = mask.shape[1]
  const width = 2 * Math.round(side / 64) + 1
  const edge = tf.sub(1, tf.abs(tf.sub(tf.mul(mask, 2), 1))) as tf.Tensor4D
  return tf.clipByValue(tf.mul(tf.avgPool(edge, width, 1, 'same'), 2), 0, 1) as tf.Tensor4D
}
