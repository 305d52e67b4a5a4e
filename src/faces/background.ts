/** Where the background of an aligned face is, in the resolution of latents. */
import * as tf from '@tensorflow/tfjs'
import { bisenet, type FaceParser, faceParser, faceRegion } from '../models/bisenet.ts'
import { adaptiveAveragePool } from '../models/recognizers/crop.ts'
import { weightsPath } from '../weights/cache.ts'
import { batchNormLayout } from '../weights/layouts/faces.ts'
import { loadWeights } from '../weights/load.ts'
import { faceMask } from './mask.ts'

/** How the background is found: around the mean face, or by BiSeNet, which parses the face at hand. */
export type BackgroundFinder = 'template' | 'parsing'

let parser: FaceParser | undefined

/**
 * 1 where the background is and 0 on the face; in between where a latent's pixel shows both.
 * @param face [1, s, s, 3] in [-1, 1]
 * @param size side of the mask
 * @returns [1, size, size, 1]
 * @throws UserError when BiSeNet is asked for and its weights are not on this machine
 */
export async function backgroundMask(face: tf.Tensor4D, size: number, finder: BackgroundFinder): Promise<tf.Tensor4D> {
  if (finder === 'template') return tf.tidy(() => tf.sub(1, tf.tensor4d(faceMask(size), [1, size, size, 1])))
  parser ??= await loadParser()
  const parse = parser
  return tf.tidy(() => tf.sub(1, adaptiveAveragePool(faceRegion(parse(face)), size)) as tf.Tensor4D)
}

async function loadParser(): Promise<FaceParser> {
  const path = await weightsPath('bisenet')
  return faceParser(await loadWeights(path, bisenet().parameters, { layout: batchNormLayout, strict: true }))
}
