import * as tf from '@tensorflow/tfjs'
import { clipCrop } from '../models/clip-pixels.ts'
import type { Check } from './golden.ts'
import { proceduralPicture } from './procedural.ts'

export interface ClipPixelsGoldenFile {
  /** Side of the prepared pictures. */
  size: number
  pictures: {
    name: string
    width: number
    height: number
    /** `bytes` holds every so-manieth value of the prepared picture, [size, size, 3]. */
    step: number
    /** Base64. */
    bytes: string
  }[]
}

/** The largest difference of each prepared picture, in grey levels. */
export async function checkClipPixels({ size, pictures }: ClipPixelsGoldenFile): Promise<Check[]> {
  const checks: Check[] = []
  for (const { name, width, height, step, bytes } of pictures) {
    const prepared = await preparedBytes(proceduralPicture(name, width, height), width, height, size)
    const expected = Buffer.from(bytes, 'base64')
    const what = `${width} x ${height}, grey levels`
    checks.push({ what, relativeError: largestDifference(prepared, expected, step), tolerance: 1 })
  }
  return checks
}

/** A picture [h, w, 3] of 0..255 as CLIP wants it before normalisation, rounded to grey levels. */
export async function preparedBytes(
  picture: Uint8Array,
  width: number,
  height: number,
  size: number,
): Promise<Uint8Array> {
  const prepared = tf.tidy(() => {
    const x = tf.sub(tf.div(tf.tensor4d(Float32Array.from(picture), [1, height, width, 3]), 127.5), 1)
    return tf.round(tf.mul(tf.add(clipCrop(x as tf.Tensor4D, size), 1), 127.5))
  })
  const values = await prepared.data()
  prepared.dispose()
  return Uint8Array.from(values)
}

/** The largest |actual[step i] - expected[i]|; infinite when there are more or fewer. */
export function largestDifference(actual: Uint8Array, expected: Uint8Array, step = 1): number {
  if (Math.ceil(actual.length / step) !== expected.length) return Number.POSITIVE_INFINITY
  return expected.reduce((largest, value, i) => Math.max(largest, Math.abs(actual[i * step]! - value)), 0)
}
