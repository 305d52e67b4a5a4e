/** Where the background of an aligned face is, in the resolution of latents. */
import * as tf from '@tensorflow/tfjs'
import { weightsPath } from '#published'
import { bisenet, type FaceParser, faceParser, faceRegion } from '../models/bisenet.ts'
import { adaptiveAveragePool } from '../models/recognizers/crop.ts'
import { once } from '../util/memoize.ts'
import { batchNormLayout } from '../weights/layouts/faces.ts'
import { loadWeights } from '../weights/load.ts'
import { faceMask } from './mask.ts'

/** How the background is found: around the mean face, or by BiSeNet, which parses the face at hand. */
export type BackgroundFinder = 'template' | 'parsing'

/**
 * 1 where the background is and 0 on the face; in between where a latent's pixel shows both.
 * @param face [1, s, s, 3] in [-1, 1]
 * @param size side of the mask
 * @param parser called where BiSeNet is asked for
 * @returns [1, size, size, 1]
 * @throws UserError when BiSeNet is asked for and its weights are not on this machine
 */
export async function backgroundMask(
  face: tf.Tensor4D,
  size: number,
  finder: BackgroundFinder,
  parser: () => Promise<FaceParser> = loadFaceParser,
): Promise<tf.Tensor4D> {
  if (finder === 'template') return tf.tidy(() => tf.sub(1, tf.tensor4d(faceMask(size), [1, size, size, 1])))
  const parse = await parser()
  return tf.tidy(() => tf.sub(1, adaptiveAveragePool(faceRegion(parse(face)), size)) as tf.Tensor4D)
}

/** BiSeNet over its published weights, which are read once a process. @throws UserError when they are not here */
const loadFaceParser = once(async (): Promise<FaceParser> => {
  const path = await weightsPath('bisenet')
  return faceParser(await loadWeights(path, bisenet().parameters, { layout: batchNormLayout, strict: true }))
})
