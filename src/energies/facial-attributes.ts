/** Keeps glasses and beards, on or off, as linear classifiers of edges see them: neither comes nor goes. */
import * as tf from '@tensorflow/tfjs'
import { type FacialAttributeClassifier, facialAttributes } from '../faces/facial-attributes.ts'
import { type ImageEnergy, imageEnergy, type OriginalFace } from './image-energy.ts'

/** Log-odds from which a photo shows an attribute rather than not: wrinkles and dark skin raise them. */
const thresholds = { glasses: 0.5, beard: -0.5 } as const
const names = ['glasses', 'beard'] as const

export interface FacialAttributeOptions {
  readonly classify: FacialAttributeClassifier
  /** Log-odds beyond the threshold that are certain enough. */
  readonly margin?: number
}

/**
 * Sum over glasses and beard of (relu(min(|o - t|, margin) - sign(o - t) (x - t)) / margin)^2, o and x the log-odds of the original
 * and of the estimate, t the threshold. An estimate is penalized when its log-odds fall short of the original's, on the original's side of the
 * threshold; the target is capped at the margin.
 */
export function facialAttributeEnergy(
  { face }: OriginalFace,
  { classify, margin = 3 }: FacialAttributeOptions,
): ImageEnergy {
  /** Log-odds over the thresholds, [n, 2]. */
  const look = (images: tf.Tensor4D) => {
    const logOdds = classify(images)
    const columns = names.map(name => {
      const column = tf.slice(logOdds, [0, facialAttributes.indexOf(name)], [-1, 1])
      return tf.sub(column, thresholds[name])
    })
    return tf.concat(columns, 1)
  }
  return imageEnergy(
    'facialAttributes',
    () => {
      const over = look(face)
      return { side: tf.sign(over), sure: tf.minimum(tf.abs(over), margin) }
    },
    (images, { side, sure }) => {
      const doubt = tf.relu(tf.sub(sure, tf.mul(side, look(images))))
      return tf.sum(tf.square(tf.div(doubt, margin)), 1) as tf.Tensor1D
    },
  )
}
