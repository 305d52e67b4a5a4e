/** Keeps skin colour and the light on it: the blurred colour of the face equals the photo's. */
import * as tf from '@tensorflow/tfjs'
import { type Matrix, matrixOf, resample } from '../models/ops/resample.ts'
import { checkSide, type ImageEnergy, imageEnergy, sumPerImage } from './image-energy.ts'

/** Linear sRGB -> XYZ over the white point D65 (IEC 61966-2-1), a column a channel of XYZ. */
const toXyz = [
  [0.4124564 / 0.95047, 0.2126729, 0.0193339 / 1.08883],
  [0.3575761 / 0.95047, 0.7151522, 0.119192 / 1.08883],
  [0.1804375 / 0.95047, 0.072175, 0.9503041 / 1.08883],
]
/** f(X), f(Y), f(Z) -> L, a, b but for L's -16. */
const toLab = [
  [0, 500, 0],
  [116, -500, 200],
  [0, 0, -200],
]

/**
 * CIE 1976 L*a*b* of sRGB colours: L 0 (black) to 100 (white), a and b about -100 to 100, in which equal distances look about
 * equal. Exact and differentiable everywhere; values below 0 or above 1 continue the curves.
 * @param colours [..., 3] in 0..1
 */
export function srgbToLab<T extends tf.Tensor>(colours: T): T {
  return tf.tidy(() => {
    const rgb = tf.reshape(colours, [-1, 3]) as tf.Tensor2D
    const linear = joined(rgb, 0.04045, 1 / 12.92, c => tf.pow(tf.div(tf.add(c, 0.055), 1.055), 2.4))
    const xyz = tf.matMul(linear, tf.tensor2d(toXyz)) as tf.Tensor2D
    const f = joined(xyz, (6 / 29) ** 3, (29 / 6) ** 2 / 3, t => tf.pow(t, 1 / 3))
    return tf.reshape(tf.sub(tf.matMul(f, tf.tensor2d(toLab)), [16, 0, 0]), colours.shape) as T
  })
}

/** `curve` from a knee on and below it a line of that slope, joined without a comparison, which would end the gradient. */
function joined(x: tf.Tensor2D, knee: number, slope: number, curve: (x: tf.Tensor2D) => tf.Tensor2D): tf.Tensor2D {
  return tf.add(curve(tf.maximum(x, knee)), tf.mul(tf.sub(tf.minimum(x, knee), knee), slope))
}

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
