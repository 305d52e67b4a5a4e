/**
 * Crops, resizes and average pools that can be differentiated everywhere: each axis is a product with a constant
 * matrix. tfjs's cropAndResize and resizeBilinear have no gradient on some backends, and none antialiases.
 */
import * as tf from '@tensorflow/tfjs'

/** A rectangle in the unit square of an image; it may reach beyond it. */
export interface Rectangle {
  readonly left: number
  readonly top: number
  readonly right: number
  readonly bottom: number
}

/** Rows of `outputs` weights over `inputs` positions. */
type Matrix = { readonly outputs: number; readonly inputs: number; readonly values: Float32Array }

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

/** y[n,i,j,c] = sum over h, w of rows[i,h] columns[j,w] x[n,h,w,c]. */
function resample(x: tf.Tensor4D, rows: Matrix, columns: Matrix): tf.Tensor4D {
  return tf.tidy(() => {
    const [n, , , c] = x.shape
    const firstAxis = (x: tf.Tensor4D, { outputs, inputs, values }: Matrix): tf.Tensor4D => {
      const matrix = tf.tile(tf.tensor3d(values, [1, outputs, inputs]), [n, 1, 1])
      return tf.reshape(tf.matMul(matrix, tf.reshape(x, [n, inputs, -1])), [n, outputs, -1, c])
    }
    const swap = (x: tf.Tensor4D) => tf.transpose(x, [0, 2, 1, 3])
    return swap(firstAxis(swap(firstAxis(x, rows)), columns))
  })
}

/** Triangle-filter weights of `outputs` pixels spread over [from, to] (in units of the whole axis) of `inputs` pixels. */
export function bilinear(inputs: number, from: number, to: number, outputs: number): Matrix {
  const values = new Float32Array(outputs * inputs)
  const step = ((to - from) * inputs) / outputs // input pixels an output pixel
  const radius = Math.max(1, step)
  for (let i = 0; i < outputs; i++) {
    const centre = from * inputs + (i + 0.5) * step - 0.5 // pixel centres lie at integers
    const first = Math.ceil(centre - radius)
    const last = Math.floor(centre + radius)
    const weights = Array.from({ length: last - first + 1 }, (_, k) => 1 - Math.abs(first + k - centre) / radius)
    const sum = weights.reduce((a, b) => a + b, 0)
    for (const [k, weight] of weights.entries()) {
      const j = Math.min(Math.max(first + k, 0), inputs - 1)
      values[i * inputs + j]! += weight / sum
    }
  }
  return { outputs, inputs, values }
}

/** Each output averages inputs floor(i * inputs / outputs) up to ceil((i + 1) * inputs / outputs). */
function averaging(inputs: number, outputs: number): Matrix {
  const values = new Float32Array(outputs * inputs)
  for (let i = 0; i < outputs; i++) {
    const first = Math.floor((i * inputs) / outputs)
    const end = Math.ceil(((i + 1) * inputs) / outputs)
    values.fill(1 / (end - first), i * inputs + first, i * inputs + end)
  }
  return { outputs, inputs, values }
}
