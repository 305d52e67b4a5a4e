/** What CLIP's image encoder wants of a picture: bicubic, cropped to a square, normalised (Radford et al. 2021). */
import * as tf from '@tensorflow/tfjs'
import { outputsOf, pillowBicubic, resampleColumns, resampleRows } from './ops/resample.ts'

/** Of the red, green and blue of CLIP's training pictures, in 0..1. */
const mean = [0.48145466, 0.4578275, 0.40821073]
const deviation = [0.26862954, 0.26130258, 0.27577711]

/**
 * Pictures [n, h, w, 3] in [-1, 1] -> pixels [n, size, size, 3] as CLIP's own preprocessing makes them, but for its rounding
 * to bytes. Differentiable.
 */
export function clipPixels(pictures: tf.Tensor4D, size: number): tf.Tensor4D {
  return tf.tidy(() => {
    const unit = tf.mul(tf.add(clipCrop(pictures, size), 1), 0.5)
    return tf.div(tf.sub(unit, tf.tensor1d(mean)), tf.tensor1d(deviation)) as tf.Tensor4D
  })
}

/**
 * Resizes pictures by Pillow's BICUBIC until their shorter side is `size`, and cuts the middle out: [n, h, w, 3] in [-1, 1]
 * -> [n, size, size, 3] in [-1, 1]. Pillow rounds to bytes after each axis; without that it is within one grey level. Like
 * Pillow it resizes the width first and clips in between: the kernel overshoots at edges.
 */
export function clipCrop(pictures: tf.Tensor4D, size: number): tf.Tensor4D {
  const [, height, width] = pictures.shape
  const middle = (inputs: number) => {
    const outputs = Math.floor((size * inputs) / Math.min(height, width))
    return outputsOf(pillowBicubic(inputs, outputs), Math.floor((outputs - size) / 2), size)
  }
  return tf.tidy(() => {
    const clip = (x: tf.Tensor4D) => tf.clipByValue(x, -1, 1)
    return clip(resampleRows(clip(resampleColumns(pictures, middle(width))), middle(height)))
  })
}
