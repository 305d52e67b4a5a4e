import * as tf from '@tensorflow/tfjs'
import { type Image, toTensor } from '../data/image.ts'
import { loadRecognizer, type RecognizerName, recognizerNames } from './recognizers.ts'

/** Cosine similarity of the first of some aligned faces to each of the others, under every recognizer at hand. */
export async function compareFaces(faces: readonly Image[]): Promise<Record<RecognizerName, number>[]> {
  const batch = tf.tidy(() => tf.concat(faces.map(toTensor)) as tf.Tensor4D)
  const similarities = faces.slice(1).map(() => ({}) as Record<RecognizerName, number>)
  for (const name of recognizerNames) {
    const recognizer = await loadRecognizer(name)
    const cosines = tf.tidy(() => {
      const embeddings = recognizer.embed(batch)
      return tf.squeeze(tf.matMul(embeddings, tf.slice(embeddings, [0, 0], [1, -1]), false, true), [1])
    })
    const values = await cosines.data()
    cosines.dispose()
    for (const [i, similarity] of similarities.entries()) similarity[name] = values[i + 1]!
  }
  batch.dispose()
  return similarities
}
