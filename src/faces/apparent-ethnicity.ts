/**
 * What a face looks like by the five labels of UTKFace, so that a generated face looks of the same origin as the original: a linear
 * classifier of faceres's embedding (scripts/fit-apparent-ethnicity.ts). It says how people label pictures, not who anybody is.
 */
import * as tf from '@tensorflow/tfjs'
import { repositoryPath } from '#paths'
import { cropResize, type Rectangle } from '../models/recognizers/crop.ts'
import { oncePer } from '../util/memoize.ts'
import { readTensors } from '../weights/open.ts'
import { loadRecognizer } from './recognizers.ts'

export const apparentEthnicityPath = () => repositoryPath('assets/apparent-ethnicity.safetensors')

/** UTKFace's labels, by number. */
export const ethnicities = ['white', 'black', 'asian', 'indian', 'other'] as const

/** What UTKFace's crops show of a face in FFHQ's alignment. */
const chip: Rectangle = { left: 0.17, top: 0.22, right: 0.83, bottom: 0.88 }
/** Side in pixels of the faces that faceres is given. */
export const chipSide = 128

/** Faces [n, s, s, 3] in [-1, 1], in FFHQ alignment -> probabilities [n, 5] of the labels. */
export type EthnicityClassifier = (faces: tf.Tensor4D) => tf.Tensor2D

const loadOn = oncePer(async (_backend: string): Promise<EthnicityClassifier> => {
  const [tensors, { embed }] = await Promise.all([readTensors(apparentEthnicityPath()), loadRecognizer('faceres')])
  const keep = (name: string) => {
    const { data, shape } = tensors.get(name)!
    return tf.keep(tf.tensor(data, shape))
  }
  const [weights, bias] = [keep('weight') as tf.Tensor2D, keep('bias')]
  return faces =>
    tf.tidy(() => {
      const logits = tf.add(tf.matMul(embed(cropResize(faces, chip, chipSide)), weights), bias)
      return tf.softmax(logits) as tf.Tensor2D
    })
})

/** The project's classifier on the backend in use, read once a backend. @throws UserError when weights are absent */
export function loadEthnicityClassifier(): Promise<EthnicityClassifier> {
  return loadOn(tf.getBackend())
}
