/**
 * Views of faces that are of no one: stretched, moved and tinted at random. A few thousand people are soon known by heart, and
 * what recognizers see in their views is not what they see in them.
 */
import * as tf from '@tensorflow/tfjs'
import { bilinearBetween, resample } from '../models/ops/resample.ts'
import { RandomStream } from '../util/random.ts'

/**
 * A view of each face, of the same shape: a part of it, at least 1 - `variation` of its width and of its height, each drawn by
 * itself, filled out to the whole picture (bilinear), each colour's distance from grey times 1 - variation..1 + variation.
 * @param faces [n, s, s, 3] in [-1, 1]
 * @param variation 0..1; 0 leaves the faces as they are
 * @param key what the views are for: with `seed`, the same key gives the same views
 * @returns [n, s, s, 3] in [-1, 1]
 */
export function randomViews(
  faces: tf.Tensor4D,
  variation: number,
  seed: number,
  ...key: readonly (string | number)[]
): tf.Tensor4D {
  const [n, height, width] = faces.shape
  const random = new RandomStream(seed, 'views', ...key)
  const part = (size: number) => {
    const left = (size - 1) * variation * random.uniform()
    const first = left * random.uniform()
    return bilinearBetween(size, size, first, first + size - 1 - left)
  }
  return tf.tidy(() => {
    const views = tf.split(faces, n).map(face => {
      const stretched = resample(face as tf.Tensor4D, part(height), part(width))
      return tf.mul(stretched, tf.tensor1d([0, 1, 2].map(() => 1 + variation * (2 * random.uniform() - 1))))
    })
    return tf.clipByValue(tf.concat(views), -1, 1) as tf.Tensor4D
  })
}
