/**
 * Glasses, hats, bangs and beards: what of a face is nobody's identity and yet must not come or go. Linear classifiers of histograms of
 * oriented gradients, fitted to generated faces (scripts/fit-facial-attributes.ts).
 */

import * as tf from '@tensorflow/tfjs'
import { repositoryPath } from '#paths'
import { cropResize, type Rectangle, whole } from '../models/recognizers/recognizer.ts'
import { once } from '../util/memoize.ts'
import { readTensors } from '../weights/open.ts'

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

// Histograms of oriented gradients (Dalal and Triggs, CVPR 2005): where edges of which direction are, whatever the contrast.

/** Pixels of a cell's side, and directions told apart. */
export const hogCell = 4
export const hogBins = 8
/** Added to a block's energy: flat regions stay flat. */
const floor = 0.05

/**
 * Histograms of cells of 4 x 4 pixels over 8 signed directions, each normalised by its neighbourhood of 3 x 3 cells. Directions
 * share a gradient by the square of its cosine, which stays differentiable.
 * @param x luminance [n, h, w] in 0..1, sides divisible by 4
 * @returns [n, h / 4, w / 4, 8]
 */
export function hog(x: tf.Tensor3D): tf.Tensor4D {
  return tf.tidy(() => {
    const [n, h, w] = x.shape
    const central = (axis: 1 | 2) => {
      const inner = (from: number) =>
        axis === 1 ? tf.slice(x, [0, from, 0], [n, h - 2, w]) : tf.slice(x, [0, 0, from], [n, h, w - 2])
      const padding: [number, number][] = [[0, 0], [0, 0], [0, 0]] // biome-ignore format: one line
      padding[axis] = [1, 1]
      return tf.pad(tf.sub(inner(2), inner(0)), padding)
    }
    const [dx, dy] = [central(2), central(1)]
    const length = tf.add(tf.sqrt(tf.add(tf.add(tf.square(dx), tf.square(dy)), 1e-12)), 1e-4)
    const directions = Array.from({ length: hogBins }, (_, bin) => {
      const angle = (2 * Math.PI * bin) / hogBins
      const along = tf.relu(tf.add(tf.mul(dx, Math.cos(angle)), tf.mul(dy, Math.sin(angle))))
      return tf.div(tf.square(along), length)
    })
    const pixels = tf.stack(directions, 3) as tf.Tensor4D
    const cells = cellSums(pixels)
    const energy = tf.sum(tf.square(cells), 3, true) as tf.Tensor4D
    return tf.div(cells, tf.sqrt(tf.add(neighbourSums(energy), floor))) as tf.Tensor4D
  })
}

/** Sums over cells: [n, h, w, c] -> [n, h / 4, w / 4, c]. Pooling has no gradient on every backend. */
function cellSums(x: tf.Tensor4D): tf.Tensor4D {
  const [n, h, w, c] = x.shape
  const rows = tf.sum(tf.reshape(x, [(n * h) / hogCell, hogCell, w, c]), 1)
  const cells = tf.sum(tf.reshape(rows, [(n * h) / hogCell, w / hogCell, hogCell, c]), 2)
  return tf.reshape(cells, [n, h / hogCell, w / hogCell, c])
}

/** Sums over 3 x 3 cells, what lies beyond the edge being nothing: [n, h, w, 1] -> [n, h, w, 1]. */
function neighbourSums(x: tf.Tensor4D): tf.Tensor4D {
  const [n, h, w] = x.shape
  const padded = tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]]) // biome-ignore format: one line
  const rows = tf.addN([0, 1, 2].map(i => tf.slice(padded, [0, i, 0, 0], [n, h, w + 2, 1])))
  return tf.addN([0, 1, 2].map(j => tf.slice(rows, [0, 0, j, 0], [n, h, w, 1]))) as tf.Tensor4D
}
