/** How an aligned face is looked at: what recognizers see of it, and what of a change to it the photo will show. */
import * as tf from '@tensorflow/tfjs'
import { landmarksOfAligned, templateRectangle } from '../faces/alignment.ts'
import { outlineMask } from '../faces/face-regions.ts'
import type { Point } from '../faces/template.ts'
import { fromTensor } from '../images/image.ts'
import { cropResize } from '../models/recognizers/crop.ts'
import type { Recognizer } from '../models/recognizers/recognizer.ts'
import type { FaceModel } from './model.ts'

export interface FaceView {
  /** [1, s, s, 3] in [-1, 1]; the caller's. */
  readonly face: tf.Tensor4D
  /** The 68 landmarks in pixels of the face. */
  readonly landmarks: () => Promise<readonly Point[]>
  /** Where a change is shown, [1, s, s, 1] in 0..1; undefined where all of it is. */
  readonly mask?: tf.Tensor4D
  /** A recognizer of faces on the template as one of faces in this alignment. */
  recognizer(recognizer: Recognizer): Recognizer
  /** Changed faces [n, s, s, 3] -> what the photo will show of them in place of the face; differentiable. */
  composite(images: tf.Tensor4D): tf.Tensor4D
  dispose(): void
}

/** Side at which recognizers are given a crop: as large as the largest of their inputs, nearly. */
const recognizerSide = 160

export async function viewFace(
  { alignment }: Pick<FaceModel, 'alignment'>,
  face: tf.Tensor4D,
  known?: readonly Point[],
): Promise<FaceView> {
  let found: Promise<readonly Point[]> | undefined
  const landmarks = () => {
    found ??= known ? Promise.resolve(known) : fromTensor(face).then(([image]) => landmarksOfAligned(image!, alignment))
    return found
  }
  if (alignment === 'template')
    return { face, landmarks, recognizer: same => same, composite: images => images, dispose: () => {} }
  const side = face.shape[1]
  const points = await landmarks()
  const rectangle = templateRectangle(points, side)
  const mask = tf.tensor4d(outlineMask(points, side), [1, side, side, 1])
  const surroundings = tf.tidy(() => tf.mul(face, tf.sub(1, mask)))
  return {
    face,
    landmarks,
    mask,
    recognizer: recognizer => ({
      ...recognizer,
      embed: faces => recognizer.embed(cropResize(faces, rectangle, recognizerSide)),
    }),
    composite: images => tf.tidy(() => tf.add(tf.mul(images, mask), surroundings)),
    dispose: () => tf.dispose([mask, surroundings]),
  }
}
