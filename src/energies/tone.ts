/** Keeps skin colour and the light on it: the blurred colour of the face equals the photo's. */
import * as tf from '@tensorflow/tfjs'
import { type Matrix, matrixOf, resample } from '../models/ops/resample.ts'
import { checkSide, type ImageEnergy, imageEnergy, sumPerImage } from './image-energy.ts'
import { srgbToLab } from './lab.ts'

/** Blurred colours are compared on a grid of so many a side, two a standard deviation. */
const gridSide = 32
/** Standard deviation of the blur, relative to the side: as wide as a box of an eighth to a fifth of it. */
const blur = 1 / 16
/** Lightness at which a step counts as it is; that of a darker original counts more, down to the second. */
const [middleLightness, darkest] = [50, 20]

export interface ToneOptions {
  /** How much more a difference of lightness counts than one of colour. */
  readonly lightness?: number
}

/**
 * Mean over the mask of lightness (dL 50 / L0)^2 + da^2 + db^2, each d the difference of blurred colours in CIELAB in units of
 * ten, L0 the original's lightness between 20 and 100: 0.1 is a difference that a careful look sees. A step of lightness counts
 * relative to the lightness it changes, since the same step changes dark skin more than light skin.
 * @param face the photo, [1, s, s, 3] in [-1, 1]
 * @param mask where it is skin, [1, s, s, 1] in 0..1; nothing beyond it is blurred in
 */
export function toneEnergy(face: tf.Tensor4D, mask: tf.Tensor4D, { lightness = 2 }: ToneOptions = {}): ImageEnergy {
  checkSide('tone', face, mask)
  const matrix = gaussian(face.shape[1], gridSide, blur)
  /** Sums of unit colours over a Gaussian, each weighed by the mask: [n, 32, 32, 3]. */
  const blurred = (images: tf.Tensor4D, mask: tf.Tensor4D) =>
    resample(tf.mul(tf.mul(tf.add(images, 1), 0.5), mask), matrix, matrix)
  return imageEnergy(
    'tone',
    () => {
      const coverage = resample(mask, matrix, matrix) // [1, 32, 32, 1]
      const inverse = tf.div(tf.relu(tf.sign(tf.sub(coverage, 0.05))), tf.maximum(coverage, 0.05)) // 0 off the face
      const lab = srgbToLab(tf.mul(blurred(face, mask), inverse)) as tf.Tensor4D
      const relative = tf.div(
        middleLightness,
        tf.clipByValue(tf.slice(lab, [0, 0, 0, 0], [1, -1, -1, 1]), darkest, 100),
      )
      const covered = tf.mul(coverage, tf.sign(inverse))
      const share = tf.div(covered, tf.mul(tf.maximum(tf.sum(covered), 1e-6), 100)) // of units of ten squared
      const perChannel = tf.concat([tf.mul(tf.square(relative), lightness), tf.ones([1, gridSide, gridSide, 2])], 3)
      return { mask: mask.clone(), inverse, lab, weights: tf.mul(perChannel, share) }
    },
    (images, { mask, inverse, lab, weights }) => {
      checkSide('tone', images, mask)
      const own = srgbToLab(tf.mul(blurred(images, mask), inverse))
      return sumPerImage(tf.mul(tf.squaredDifference(own, lab), weights))
    },
  )
}

/** Gaussian-weighted means around `outputs` places spread evenly over `inputs` pixels; the deviation relative to all of them. */
function gaussian(inputs: number, outputs: number, deviation: number): Matrix {
  const sigma = deviation * inputs
  const radius = Math.ceil(2.5 * sigma)
  return matrixOf(inputs, outputs, i => {
    const centre = ((i + 0.5) * inputs) / outputs - 0.5
    const first = Math.round(centre) - radius
    const weights = Array.from({ length: 2 * radius + 1 }, (_, k) =>
      Math.exp(-(((first + k - centre) / sigma) ** 2) / 2),
    )
    const sum = weights.reduce((a, b) => a + b, 0)
    return { first, weights: weights.map(weight => weight / sum) }
  })
}
