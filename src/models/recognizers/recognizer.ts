import * as tf from '@tensorflow/tfjs'
import { type Matrix, matrixOf, resample } from '../ops/resample.ts'

/** A face-recognition network together with the crop of the aligned face that it was made for. */
export interface Recognizer {
  readonly name: string
  /** Length of an embedding. */
  readonly dimensions: number
  /**
   * Embeds aligned faces; differentiable with respect to them on every backend.
   * @param faces [n, s, s, 3] in [-1, 1], of any size s, on the template of src/faces/template.ts
   * @returns [n, dimensions], of unit length: the dot product of two is their cosine similarity
   */
  embed(faces: tf.Tensor4D): tf.Tensor2D
}

/** Scales the rows of [n, d] to unit length. */
export function unit(x: tf.Tensor2D): tf.Tensor2D {
  return tf.mul(x, tf.rsqrt(tf.add(tf.sum(tf.square(x), 1, true), 1e-12)))
}

// Crops, resizes and average pools that can be differentiated everywhere.

/** A rectangle in the unit square of an image; it may reach beyond it. */
export interface Rectangle {
  readonly left: number
  readonly top: number
  readonly right: number
  readonly bottom: number
}

/** All of an image. */
export const whole: Rectangle = { left: 0, top: 0, right: 1, bottom: 1 }

/** ArcFace's own rectangle of the aligned face. */
export const arcFaceRectangle: Rectangle = { left: 12 / 128, top: 14 / 128, right: 116 / 128, bottom: 118 / 128 }

/**
 * Cuts a rectangle out of images and resizes it: bilinear, antialiased where it shrinks (a triangle as wide as an output
 * pixel, as Pillow and torch's `antialias=True`); beyond the image, its edge is repeated.
 * @param faces [n, h, w, c]
 * @returns [n, size, size, c]
 */
export function cropResize(faces: tf.Tensor4D, rectangle: Rectangle, size: number): tf.Tensor4D {
  const [, height, width] = faces.shape
  const { left, top, right, bottom } = rectangle
  return resample(faces, bilinear(height, top, bottom, size), bilinear(width, left, right, size))
}

/** torch.nn.AdaptiveAvgPool2d: [n, h, w, c] -> [n, size, size, c]. */
export function adaptiveAveragePool(x: tf.Tensor4D, size: number): tf.Tensor4D {
  return resample(x, averaging(x.shape[1], size), averaging(x.shape[2], size))
}

/** Triangle-filter weights of `outputs` pixels spread over [from, to] (in units of the whole axis) of `inputs` pixels. */
export function bilinear(inputs: number, from: number, to: number, outputs: number): Matrix {
  const step = ((to - from) * inputs) / outputs // input pixels an output pixel
  const radius = Math.max(1, step)
  return matrixOf(inputs, outputs, i => {
    const centre = from * inputs + (i + 0.5) * step - 0.5 // pixel centres lie at integers
    const first = Math.ceil(centre - radius)
    const last = Math.floor(centre + radius)
    const weights = Array.from({ length: last - first + 1 }, (_, k) => 1 - Math.abs(first + k - centre) / radius)
    const sum = weights.reduce((a, b) => a + b, 0)
    return { first, weights: weights.map(weight => weight / sum) }
  })
}

/** Each output averages inputs floor(i * inputs / outputs) up to ceil((i + 1) * inputs / outputs). */
function averaging(inputs: number, outputs: number): Matrix {
  return matrixOf(inputs, outputs, i => {
    const first = Math.floor((i * inputs) / outputs)
    const end = Math.ceil(((i + 1) * inputs) / outputs)
    return { first, weights: Array<number>(end - first).fill(1 / (end - first)) }
  })
}
