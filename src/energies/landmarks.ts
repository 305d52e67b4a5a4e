/** Keeps pose, face shape and expression: the 68 landmarks of an estimate lie where the original's do. */
import * as tf from '@tensorflow/tfjs'
import { cropResize, type Rectangle } from '../models/recognizers/recognizer.ts'
import { alignedRectangle, type ImageEnergy, imageEnergy, type OriginalFace } from './image-energy.ts'

/** Side of the landmark network's input. */
const inputSide = 112

/** Weights of parts of the face; those not named weigh 1. */
export interface LandmarkWeights {
  readonly jaw?: number
  readonly brows?: number
  readonly nose?: number
  readonly eyes?: number
  readonly mouth?: number
}

/** First landmark of each part and the first after it. */
const parts: Readonly<Record<keyof LandmarkWeights, readonly [number, number]>> = {
  jaw: [0, 17],
  brows: [17, 27],
  nose: [27, 36],
  eyes: [36, 48],
  mouth: [48, 68],
}

export interface LandmarkOptions {
  /** Faces [n, 112, 112, 3] in 0..255 -> landmarks [n, 136], x and y by turns in 0..1. */
  readonly network: (x: tf.Tensor4D) => tf.Tensor2D
  readonly weights?: LandmarkWeights
}

/**
 * sum_i w_i |p_i(x) - p_i(original)|^2 / (d^2 sum_i w_i), p_i the landmarks, d the distance of the original's outer eye
 * corners: 0.01^2 is an error of 1 % of it. Both are looked at in the same crop, so that what the network always gets wrong
 * of a face counts for nothing.
 */
export function landmarkEnergy(
  original: OriginalFace,
  { network, weights: { jaw = 0.6, brows = 1, nose = 1, eyes = 1.6, mouth = 0.8 } = {} }: LandmarkOptions,
): ImageEnergy {
  const rectangle = landmarkRectangle(original)
  const look = (images: tf.Tensor4D) =>
    network(tf.mul(tf.add(cropResize(images, rectangle, inputSide), 1), 127.5) as tf.Tensor4D)
  return imageEnergy(
    'landmarks',
    () => {
      const landmarks = look(original.face)
      const [left, right] = [tf.slice(landmarks, [0, 72], [1, 2]), tf.slice(landmarks, [0, 90], [1, 2])] // 36 and 45
      const squaredDistance = tf.sum(tf.squaredDifference(left, right))
      const perPart = { jaw, brows, nose, eyes, mouth }
      const perLandmark = Array.from({ length: 68 }, (_, i) => {
        const [part] = Object.entries(parts).find(([, [start, end]]) => i >= start && i < end)!
        return perPart[part as keyof LandmarkWeights]
      })
      const total = perLandmark.reduce((sum, weight) => sum + weight, 0)
      const shares = tf.tensor2d([perLandmark.flatMap(weight => [weight / total, weight / total])])
      return { landmarks, weights: tf.div(shares, squaredDistance) }
    },
    (images, { landmarks, weights }) =>
      tf.sum(tf.mul(tf.squaredDifference(look(images), landmarks), weights), 1) as tf.Tensor1D,
  )
}

/**
 * The square that face-api's landmark network sees best: that of `landmarksInBox`'s second look, which is the aligned face
 * enlarged by 1.15 and moved up by 4 of 112 pixels.
 */
export function landmarkRectangle(original: OriginalFace): Rectangle {
  const [half, down] = [0.5 / 1.15, 4 / 112 / 1.15]
  return alignedRectangle(original, {
    left: 0.5 - half,
    top: 0.5 - half + down,
    right: 0.5 + half,
    bottom: 0.5 + half + down,
  })
}
