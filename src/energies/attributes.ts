/**
 * Keeps age and sex as face-api's AgeGenderNet reads them: judgements, not facts. What guides here must not judge: the judge
 * of both is the network of @vladmandic/human's faceres model, which has heads for them and never guides.
 */
import * as tf from '@tensorflow/tfjs'
import type { AgeGender } from '../models/face-api.ts'
import { dlibCrop } from '../models/recognizers/dlib.ts'
import { cropResize } from '../models/recognizers/recognizer.ts'
import { alignedRectangle, type ImageEnergy, imageEnergy, type OriginalFace } from './image-energy.ts'

/** Side of the network's input. */
const inputSide = 112
/** Difference of age that costs 1, in years. */
const ageUnit = 10

export interface AttributeOptions {
  /** Faces [n, 112, 112, 3] in 0..255 -> age and log-odds of a male face. */
  readonly network: (x: tf.Tensor4D) => AgeGender
  /** How much a difference of age counts, and one of sex; those of 0 are left alone. */
  readonly age?: number
  readonly sex?: number
  /** Log-odds that are certain enough: 2 is 88 %. */
  readonly margin?: number
}

/**
 * age h((a(x) - a(original)) / 10) + sex (relu(min(|o|, margin) - sign(o) o(x)) / margin)^2, a the age in years, o the
 * original's log-odds of a male face and o(x) the estimate's, h(d) = d^2 up to |d| = 1 and 2 |d| - 1 beyond (Huber): towards a far age a
 * quadratic would pull so hard that sex and glasses went with it, which in generators are not independent of age; the sex is to be judged as the original's, no surer than that
 * and no surer than the margin.
 */
export function attributeEnergy(
  original: OriginalFace,
  { network, age: ageWeight = 1, sex: sexWeight = 1, margin = 2 }: AttributeOptions,
): ImageEnergy {
  const rectangle = alignedRectangle(original, dlibCrop)
  const look = (images: tf.Tensor4D) =>
    network(tf.mul(tf.add(cropResize(images, rectangle, inputSide), 1), 127.5) as tf.Tensor4D)
  return imageEnergy(
    'attributes',
    () => {
      const { age, maleLogOdds } = look(original.face)
      return { age, side: tf.sign(maleLogOdds), sure: tf.minimum(tf.abs(maleLogOdds), margin) }
    },
    (images, { age, side, sure }) => {
      const found = look(images)
      const years = huber(tf.div(tf.sub(found.age, age), ageUnit))
      const doubt = tf.square(tf.div(tf.relu(tf.sub(sure, tf.mul(side, found.maleLogOdds))), margin))
      return tf.add(tf.mul(years, ageWeight), tf.mul(doubt, sexWeight)) as tf.Tensor1D
    },
  )
}

/** d^2 up to |d| = 1, 2 |d| - 1 beyond. */
function huber(difference: tf.Tensor): tf.Tensor {
  const size = tf.abs(difference)
  const inner = tf.minimum(size, 1)
  return tf.add(tf.square(inner), tf.mul(tf.sub(size, inner), 2))
}
