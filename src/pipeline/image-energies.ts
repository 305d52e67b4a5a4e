/** The energies of pictures that a recipe weighs, made for one face. */
import * as tf from '@tensorflow/tfjs'
import type { Recipe } from '../config/recipe.ts'
import { attributeEnergy } from '../energies/attributes.ts'
import { expressionEnergy } from '../energies/expression.ts'
import { facialAttributeEnergy } from '../energies/facial-attributes.ts'
import { gazeEnergy } from '../energies/gaze.ts'
import { type ImageEnergy, type OriginalFace, weightedSum } from '../energies/image-energy.ts'
import { landmarkEnergy } from '../energies/landmarks.ts'
import { rimEnergy } from '../energies/rim.ts'
import { structureEnergy } from '../energies/structure.ts'
import { toneEnergy } from '../energies/tone.ts'
import { type EnergyNetworks, energyNetworks } from '../faces/differentiable-networks.ts'
import { type FacialAttributeClassifier, loadFacialAttributes } from '../faces/facial-attributes.ts'
import type { FaceView } from './view-face.ts'

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

/** The weighted sum of those that a recipe asks for; undefined where it asks for none. */
export async function imageEnergies(
  weights: Recipe['energies'],
  view: FaceView,
  loadNetworks = energyNetworks,
): Promise<ImageEnergy | undefined> {
  const asked = names.filter(name => weights[name] > 0)
  if (asked.length === 0) return undefined
  const landmarks = await view.landmarks()
  const [networks, classify] = [await loadNetworks(), await loadFacialAttributes()]
  const whole = tf.ones([1, view.face.shape[1], view.face.shape[2], 1]) as tf.Tensor4D
  const mask = view.mask ?? whole
  const rim = tf.tidy(() => rimOf(mask))
  const materials: Materials = { original: { face: view.face, landmarks }, networks, classify, mask, rim }
  const sum = weightedSum(asked.map(name => [makers[name](materials), weights[name]] as const))
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
