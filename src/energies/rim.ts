/** Keeps the border seamless: what lies just inside and around the outline of the face equals the photo. */
import * as tf from '@tensorflow/tfjs'
import { checkSide, type ImageEnergy, imageEnergy, sumPerImage } from './image-energy.ts'

export interface RimOptions {
  /** Where the difference of a channel, in [-1, 1] units, goes from squared to absolute; 0.1 is 13 of 255. */
  readonly delta?: number
}

/**
 * Mean over the band of Huber's loss of the difference to the photo, in units of its absolute part:
 * h(d) = d^2 / (2 delta) where |d| <= delta, |d| - delta / 2 elsewhere. Outliers, as hair that the generator cannot make,
 * pull no harder than the rest.
 * @param face the photo, [1, s, s, 3] in [-1, 1]
 * @param band [1, s, s, 1], how much a pixel counts, 0 or more
 */
export function rimEnergy(face: tf.Tensor4D, band: tf.Tensor4D, { delta = 0.1 }: RimOptions = {}): ImageEnergy {
  checkSide('rim', face, band)
  return imageEnergy(
    'rim',
    () => ({ face: face.clone(), weights: tf.div(band, tf.mul(tf.maximum(tf.sum(band), 1e-6), 3)) }),
    (images, { face, weights }) => {
      checkSide('rim', images, face)
      return sumPerImage(tf.mul(huber(tf.sub(images, face), delta), weights))
    },
  )
}

/** With m = min(|d|, delta): m (|d| - m / 2) / delta, which is both parts at once and needs no comparison. */
function huber(difference: tf.Tensor, delta: number): tf.Tensor {
  const size = tf.abs(difference)
  const most = tf.sub(delta, tf.relu(tf.sub(delta, size))) // min(|d|, delta), whose gradient every backend has
  return tf.mul(tf.mul(most, tf.sub(size, tf.mul(most, 0.5))), 1 / delta)
}
