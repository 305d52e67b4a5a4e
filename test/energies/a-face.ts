import * as tf from '@tensorflow/tfjs'
import type { OriginalFace } from '../../src/energies/image-energy.ts'
import { alignFace } from '../../src/faces/alignment.ts'
import { detectSsd } from '../../src/faces/ssd-mobilenet.ts'
import { type Point, template } from '../../src/faces/template.ts'
import { apply } from '../../src/faces/warp.ts'
import { readImage } from '../../src/images/codec.ts'

/** A real face on the backend in use, upright and [1, side, side, 3]; its caller owns the tensor. */
export async function aFace(side = 128, sample = 1): Promise<OriginalFace> {
  const photo = await readImage(`node_modules/@vladmandic/face-api/demo/sample${sample}.jpg`)
  const [found] = await detectSsd(photo, { inputSize: 256 })
  const { face, transform } = await alignFace(photo, found!.landmarks, side)
  const pixels = tf.tidy(() => tf.sub(tf.div(tf.tensor4d(Float32Array.from(face.data), [1, side, side, 3]), 127.5), 1))
  return { face: pixels as tf.Tensor4D, landmarks: found!.landmarks.map(point => apply(transform, point)) }
}

/** Landmarks whose five points are the template's, for a picture of a side: the eyes are points, and so is all else. */
export function templateLandmarks(side: number): Point[] {
  const [left, right, nose, mouthLeft, mouthRight] = template(side) as [Point, Point, Point, Point, Point]
  return Array.from({ length: 68 }, (_, i) => {
    if (i >= 36 && i < 42) return left
    if (i >= 42 && i < 48) return right
    if (i >= 48) return i === 54 ? mouthRight : mouthLeft
    return nose
  })
}
