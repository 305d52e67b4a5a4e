import * as tf from '@tensorflow/tfjs'
import { readImage } from '../../src/data/image.ts'
import type { OriginalFace } from '../../src/energies/image-energy.ts'
import { alignFace } from '../../src/faces/align.ts'
import { detectFaces } from '../../src/faces/detect.ts'
import { apply } from '../../src/faces/similarity.ts'

/** A real face on the backend in use, upright and [1, side, side, 3]; its caller owns the tensor. */
export async function aFace(side = 128, sample = 1): Promise<OriginalFace> {
  const photo = await readImage(`node_modules/@vladmandic/face-api/demo/sample${sample}.jpg`)
  const [found] = await detectFaces(photo, { inputSize: 256, turned: false })
  const { face, transform } = await alignFace(photo, found!.landmarks, side)
  const pixels = tf.tidy(() => tf.sub(tf.div(tf.tensor4d(Float32Array.from(face.data), [1, side, side, 3]), 127.5), 1))
  return { face: pixels as tf.Tensor4D, landmarks: found!.landmarks.map(point => apply(transform, point)) }
}
