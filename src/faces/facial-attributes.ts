/**
 * Glasses, hats, bangs and beards: what of a face is nobody's identity and yet must not come or go. Linear classifiers of histograms of
 * oriented gradients, fitted to generated faces (scripts/fit-facial-attributes.ts).
 */
import * as tf from '@tensorflow/tfjs'
import { repositoryPath } from '#paths'
import { cropResize, type Rectangle, whole } from '../models/recognizers/crop.ts'
import { once } from '../util/memoize.ts'
import { readTensors } from '../weights/open.ts'
import { hog } from './hog.ts'

export const facialAttributesPath = () => repositoryPath('assets/facial-attributes.safetensors')

/** Side in pixels at which faces are looked at. */
const side = 128

/** Where each attribute is looked for in FFHQ's alignment. */
const rectangles: Readonly<Record<FacialAttribute, Rectangle>> = {
  glasses: { left: 24 / side, top: 40 / side, right: 104 / side, bottom: 76 / side },
  hat: { left: 16 / side, top: 0, right: 112 / side, bottom: 48 / side },
  bangs: { left: 28 / side, top: 12 / side, right: 100 / side, bottom: 56 / side },
  beard: { left: 28 / side, top: 68 / side, right: 100 / side, bottom: 116 / side },
}

export const facialAttributes = ['glasses', 'hat', 'bangs', 'beard'] as const
export type FacialAttribute = (typeof facialAttributes)[number]

/** Weights [d] and bias of a linear classifier over an attribute's features. */
export interface LinearClassifier {
  readonly weights: Float32Array
  readonly bias: number
}

/**
 * What an attribute is told by.
 * @param faces [n, s, s, 3] in [-1, 1], in FFHQ alignment
 * @returns [n, d], d of the attribute
 */
export function attributeFeatures(faces: tf.Tensor4D, attribute: FacialAttribute): tf.Tensor2D {
  return tf.tidy(() => {
    const { left, top, right, bottom } = rectangles[attribute]
    const small = cropResize(faces, whole, side)
    const luminance = tf.div(tf.add(tf.mean(small, 3), 1), 2) as tf.Tensor3D
    const [x, y] = [left * side, top * side].map(Math.round) as [number, number]
    const size: [number, number, number] = [faces.shape[0], Math.round(bottom * side) - y, Math.round(right * side) - x]
    return tf.reshape(hog(tf.slice(luminance, [0, y, x], size)), [faces.shape[0], -1])
  })
}

/** Faces [n, s, s, 3] in [-1, 1], in FFHQ alignment -> log-odds [n, 4] of glasses, hat, bangs and beard. */
export type FacialAttributeClassifier = (faces: tf.Tensor4D) => tf.Tensor2D

export function facialAttributeClassifier(
  classifiers: Readonly<Record<FacialAttribute, LinearClassifier>>,
): FacialAttributeClassifier {
  return faces =>
    tf.tidy(() => {
      const logOdds = facialAttributes.map(attribute => {
        const { weights, bias } = classifiers[attribute]
        return tf.add(tf.matMul(attributeFeatures(faces, attribute), tf.tensor2d(weights, [weights.length, 1])), bias)
      })
      return tf.concat(logOdds, 1) as tf.Tensor2D
    })
}

const load = once(async () => {
  const tensors = await readTensors(facialAttributesPath())
  const tensor = (name: string) => tensors.get(name)!
  const entries = facialAttributes.map((attribute): [FacialAttribute, LinearClassifier] => [
    attribute,
    {
      weights: tensor(`${attribute}.weight`).data,
      bias: tensor(`${attribute}.bias`).data[0]!,
    },
  ])
  return facialAttributeClassifier(Object.fromEntries(entries) as Record<FacialAttribute, LinearClassifier>)
})

/** The project's classifiers, for every backend. @throws UserError when their file is absent */
export function loadFacialAttributes(): Promise<FacialAttributeClassifier> {
  return load()
}
