/** Features that a network makes of aligned faces, a batch at a time. */
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { attributeFiles, attributeNetworks } from '../../faces/attributes.ts'
import { faceApi } from '../../faces/face-api.ts'
import { type AnyRecognizerName, loadRecognizer, recognizerChecksum } from '../../faces/recognizers.ts'
import { bytesToTensor, type Image } from '../../images/image.ts'
import { checksumOf } from './cache.ts'
import type { FaceFeature } from './feature.ts'

const embeddings = new Map<AnyRecognizerName, FaceFeature>()

/** The embedding of a recognizer, of unit length, under both alignments. */
export function embeddingOf(name: AnyRecognizerName): FaceFeature {
  const feature = embeddings.get(name) ?? {
    name: `embedding-${name}`,
    of: 'face',
    alignments: ['own', 'original'],
    load: async () => {
      const recognizer = await loadRecognizer(name)
      return { checksum: await recognizerChecksum(name), compute: faces => rowsOf(faces, x => recognizer.embed(x)) }
    },
  }
  embeddings.set(name, feature)
  return feature
}

/** Those of all recognizers of an evaluation. */
export function embeddingsOf({ recognizers }: { readonly recognizers: readonly AnyRecognizerName[] }): FaceFeature[] {
  return recognizers.map(embeddingOf)
}

/** Expression, age and gender, as `AttributeNetworks` gives them; cut out where the original's face is. */
export const attributes: FaceFeature = {
  name: 'attributes',
  of: 'face',
  alignments: ['original'],
  load: async () => {
    const networks = await attributeNetworks()
    const checksum = await checksumOf(attributeFiles.map(file => join(faceApi().folder, file)))
    return { checksum, compute: faces => rowsOf(faces, networks.attributes) }
  },
}

/** What a network makes of pictures of one size, row by row. */
export async function rowsOf(
  pictures: readonly Image[],
  network: (batch: tf.Tensor4D) => tf.Tensor2D,
): Promise<Float32Array[]> {
  const { width, height } = pictures[0]!
  const output = tf.tidy(() => {
    const bytes = Buffer.concat(pictures.map(({ data }) => data))
    return network(bytesToTensor(bytes, [pictures.length, height, width, 3]))
  })
  const [, columns] = output.shape
  const values = await output.data()
  output.dispose()
  return pictures.map((_, i) => Float32Array.from(values.subarray(i * columns, (i + 1) * columns)))
}
