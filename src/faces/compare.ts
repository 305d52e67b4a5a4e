import * as tf from '@tensorflow/tfjs'
import { type Image, toTensor } from '../images/image.ts'
import type { Recognizer } from '../models/recognizers/recognizer.ts'

/** Cosine similarity of the first of some aligned faces to each of the others, under each recognizer by its name. */
export async function compareFaces(
  faces: readonly Image[],
  recognizers: readonly Recognizer[],
): Promise<Record<string, number>[]> {
  const batch = tf.tidy(() => tf.concat(faces.map(toTensor)) as tf.Tensor4D)
  const similarities = faces.slice(1).map((): Record<string, number> => ({}))
  for (const { name, embed } of recognizers) {
    const cosines = tf.tidy(() => {
      const embeddings = embed(batch)
      return tf.squeeze(tf.matMul(embeddings, tf.slice(embeddings, [0, 0], [1, -1]), false, true), [1])
    })
    const values = await cosines.data()
    cosines.dispose()
    for (const [i, similarity] of similarities.entries()) similarity[name] = values[i + 1]!
  }
  batch.dispose()
  return similarities
}
