/** Expression, age and gender as networks of @vladmandic/face-api (MIT) see them: judgements, not facts. */

import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import type { AgeGender } from '../models/face-api.ts'
import { weightsOf } from '../models/face-api.ts'
import { dlibCrop } from '../models/recognizers/dlib.ts'
import { faceresAttributes, faceresHeads, foldFaceres } from '../models/recognizers/faceres.ts'
import { cropResize } from '../models/recognizers/recognizer.ts'
import { oncePer } from '../util/memoize.ts'
import { packageFolder } from '../util/paths.ts'
import { verify } from '../weights/checksum.ts'
import { readTensors } from '../weights/open.ts'
import { loadNetwork } from './face-api.ts'
import { type FeatureReader, runOn } from './networks.ts'
import { recognizerChecksum } from './recognizers.ts'

/** The seven expressions in the network's order. */
export const expressions = ['neutral', 'happy', 'sad', 'angry', 'fearful', 'disgusted', 'surprised'] as const

/** Files of the weights. */
export const attributeFiles = ['face_expression_model.bin', 'age_gender_model.bin']

const inputSize = 112

export interface AttributeNetworks {
  /**
   * @param faces [n, s, s, 3] in [-1, 1], aligned
   * @returns [n, 9]: the probability of each expression, the age in years, the probability of a male face
   */
  attributes(faces: tf.Tensor4D): tf.Tensor2D
}

const loadOn = oncePer((_backend: string) => load())

/** The networks on the backend in use, read from the package's folder once a backend. */
export function attributeNetworks(): Promise<AttributeNetworks> {
  return loadOn(tf.getBackend())
}

async function load(): Promise<AttributeNetworks> {
  const [expression, ageGender] = await Promise.all([
    loadNetwork<FeatureReader<tf.Tensor2D>>('FaceExpressionNet'),
    loadNetwork<FeatureReader<{ age: tf.Tensor1D; gender: tf.Tensor2D }>>('AgeGenderNet'),
  ])
  return {
    attributes: faces =>
      tf.tidy(() => {
        // face-api gives its networks the box of the landmarks and a fifth around it: on the template, about dlib's chip.
        const x = tf.mul(tf.add(cropResize(faces, dlibCrop, inputSize), 1), 127.5) as tf.Tensor4D
        const probabilities = tf.softmax(runOn(expression, x))
        const { age, gender } = runOn(ageGender, x)
        const male = tf.slice(tf.softmax(gender), [0, 0], [-1, 1])
        return tf.concat2d([probabilities, tf.reshape(age, [-1, 1]), male as tf.Tensor2D], 1)
      }),
  }
}

// The held-out judge of age and sex with its weights.

/** Faces [n, s, s, 3] in [-1, 1] on the template -> age in years and log-odds of a male face. */
export type AttributeJudge = (faces: tf.Tensor4D) => AgeGender

const judgeOn = oncePer((_backend: string) => loadJudge())

/**
 * The judge on the backend in use, read once a backend.
 * @throws UserError when its weights are absent or not the ones that were meant
 */
export function attributeJudge(): Promise<AttributeJudge> {
  return judgeOn(tf.getBackend())
}

async function loadJudge(): Promise<AttributeJudge> {
  const folder = join(packageFolder('@vladmandic/human'), 'models')
  await verify(join(folder, 'faceres.bin'), await recognizerChecksum('faceres'))
  const tensors = await readTensors(join(folder, 'faceres.json'))
  return faceresAttributes(foldFaceres(tensors), weightsOf(faceresHeads().parameters, tensors))
}
