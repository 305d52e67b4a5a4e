/**
 * Resampling that can be differentiated everywhere: each axis is a product with a constant matrix. tfjs's cropAndResize and
 * resizeBilinear have no gradient on some backends, and none antialiases. Letters: n pictures, h w height and width, c
 * channels.
 */
import * as tf from '@tensorflow/tfjs'
import { fused } from '../../backend/fused.ts'
import { differentiable } from './differentiable.ts'

/** Rows of `outputs` weights over `inputs` positions, row-major. */
export interface Matrix {
  readonly outputs: number
  readonly inputs: number
  readonly values: Float32Array
}

/** y[n,i,j,c] = sum over h, w of rows[i,h] columns[j,w] x[n,h,w,c]. */
export function resample(x: tf.Tensor4D, rows: Matrix, columns: Matrix): tf.Tensor4D {
  return tf.tidy(() => resampleColumns(resampleRows(x, rows), columns))
}

/** Along the height: [n, h, w, c] -> [n, outputs, w, c]. */
export function resampleRows(x: tf.Tensor4D, matrix: Matrix): tf.Tensor4D {
  return tf.tidy(() => fusedResample(x, matrix, 1) ?? productOverRows(x, matrix))
}

/** Along the width: [n, h, w, c] -> [n, h, outputs, c]. */
export function resampleColumns(x: tf.Tensor4D, matrix: Matrix): tf.Tensor4D {
  const swap = (x: tf.Tensor4D) => tf.transpose(x, [0, 2, 1, 3])
  return tf.tidy(() => fusedResample(x, matrix, 2) ?? swap(productOverRows(swap(x), matrix)))
}

/** Along an axis by a kernel that reads only the weights that are not zero, where the backend has it. */
function fusedResample(x: tf.Tensor4D, { outputs, inputs, values }: Matrix, axis: 1 | 2): tf.Tensor4D | undefined {
  const kernel = fused('Resample')
  if (!kernel) return undefined
  const apply = (x: tf.Tensor, transposed: boolean) =>
    kernel({ x, matrix: tf.tensor2d(values, [outputs, inputs]) }, { axis, transposed })[0] as tf.Tensor4D
  return differentiable(
    { x },
    () => apply(x, false),
    dy => ({ x: () => apply(dy, true) }),
  )
}

function productOverRows(x: tf.Tensor4D, { outputs, inputs, values }: Matrix): tf.Tensor4D {
  const [n, , , c] = x.shape
  const matrix = tf.tile(tf.tensor3d(values, [1, outputs, inputs]), [n, 1, 1])
  return tf.reshape(tf.matMul(matrix, tf.reshape(x, [n, inputs, -1])), [n, outputs, -1, c])
}

/** A matrix of what `weigh` gives for each output: weights at positions from `first` on. */
export function matrixOf(
  inputs: number,
  outputs: number,
  weigh: (output: number) => { first: number; weights: readonly number[] },
): Matrix {
  const values = new Float32Array(outputs * inputs)
  for (let i = 0; i < outputs; i++) {
    const { first, weights } = weigh(i)
    // Beyond the picture, its edge is repeated.
    for (const [k, weight] of weights.entries())
      values[i * inputs + Math.min(Math.max(first + k, 0), inputs - 1)]! += weight
  }
  return { outputs, inputs, values }
}

/** torch.nn.functional.interpolate(mode='bilinear', align_corners=True): first and last positions stay where they are. */
export function alignedCorners(inputs: number, outputs: number): Matrix {
  return bilinearBetween(inputs, outputs, 0, inputs - 1)
}

/** Bilinear at `outputs` places spread evenly from the place `first` to `last`, in positions of the input. */
export function bilinearBetween(inputs: number, outputs: number, first: number, last: number): Matrix {
  return matrixOf(inputs, outputs, i => between(outputs > 1 ? first + (i * (last - first)) / (outputs - 1) : first))
}

/** The two positions around a place, each with the weight of its nearness. */
function between(place: number): { first: number; weights: readonly number[] } {
  const first = Math.floor(place)
  return { first, weights: [1 - (place - first), place - first] }
}

/** torch.nn.functional.interpolate(mode='bilinear', align_corners=False): pixels are areas, and nothing antialiases. */
export function halfPixelBilinear(inputs: number, outputs: number): Matrix {
  return matrixOf(inputs, outputs, i => between(Math.max(0, ((i + 0.5) * inputs) / outputs - 0.5)))
}

/** TensorFlow 1's resize_bilinear(align_corners=False): the first positions coincide, and nothing antialiases. */
export function tensorflow1Bilinear(inputs: number, outputs: number): Matrix {
  return matrixOf(inputs, outputs, i => between((i * inputs) / outputs))
}

/**
 * Pillow's BICUBIC: the cubic convolution kernel with a = -1/2 (Keys 1981), as wide as an output pixel where it shrinks; the
 * weights of positions beyond the picture are shared out among the others.
 */
export function pillowBicubic(inputs: number, outputs: number): Matrix {
  const scale = inputs / outputs
  const width = Math.max(1, scale)
  return matrixOf(inputs, outputs, i => {
    const centre = (i + 0.5) * scale
    const first = Math.max(0, Math.trunc(centre - 2 * width + 0.5))
    const end = Math.min(inputs, Math.trunc(centre + 2 * width + 0.5))
    const weights = Array.from({ length: end - first }, (_, k) => cubic((first + k + 0.5 - centre) / width))
    const sum = weights.reduce((a, b) => a + b, 0)
    return { first, weights: weights.map(weight => weight / sum) }
  })
}

function cubic(x: number): number {
  const t = Math.abs(x)
  if (t < 1) return (1.5 * t - 2.5) * t * t + 1
  if (t < 2) return ((-0.5 * t + 2.5) * t - 4) * t + 2
  return 0
}

/** The part of a matrix that makes `count` outputs from `first` on. */
export function outputsOf({ inputs, values }: Matrix, first: number, count: number): Matrix {
  return { inputs, outputs: count, values: values.slice(first * inputs, (first + count) * inputs) }
}
