/** The held-out judge of age and sex with its weights. */
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import type { AgeGender } from '../models/age-gender.ts'
import { foldFaceres } from '../models/recognizers/faceres.ts'
import { faceresAttributes, faceresHeads } from '../models/recognizers/faceres-attributes.ts'
import { weightsOf } from '../models/separable.ts'
import { oncePer } from '../util/memoize.ts'
import { packageFolder } from '../util/paths.ts'
import { verify } from '../weights/checksum.ts'
import { readTensors } from '../weights/open.ts'
import { recognizerChecksum } from './recognizers.ts'

/** Faces [n, s, s, 3] in [-1, 1] on the template -> age in years and log-odds of a male face. */
export type AttributeJudge = (faces: tf.Tensor4D) => AgeGender

const loadOn = oncePer((_backend: string) => load())

/**
 * The judge on the backend in use, read once a backend.
 * @throws UserError when its weights are absent or not the ones that were meant
 */
export function attributeJudge(): Promise<AttributeJudge> {
  return loadOn(tf.getBackend())
}

async function load(): Promise<AttributeJudge> {
  const folder = join(packageFolder('@vladmandic/human'), 'models')
  await verify(join(folder, 'faceres.bin'), await recognizerChecksum('faceres'))
  const tensors = await readTensors(join(folder, 'faceres.json'))
  return faceresAttributes(foldFaceres(tensors), weightsOf(faceresHeads().parameters, tensors))
}
