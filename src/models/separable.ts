/**
 * What face-api's small networks are made of, under their checkpoints' own names. Letters: n faces, h w height and width,
 * c channels.
 */
import * as tf from '@tensorflow/tfjs'
import { define, type Module, type Shapes, type Weights, weight } from './module.ts'
import { convolution, type Ending } from './ops/affine.ts'
import { depthwiseConv2d, depthwiseConv2dSame } from './ops/depthwise.ts'

export type Convolution = Module<[x: tf.Tensor4D, ending?: Ending], tf.Tensor4D>

/** Mean red, green and blue that face-api's networks expect to be taken away, of 255. */
const meanColour = [122.782, 117.001, 104.298]

/** [n, h, w, 3] in 0..255 -> what face-api's feature extractors begin with. */
export const normalized = (x: tf.Tensor4D): tf.Tensor4D => tf.div(tf.sub(x, meanColour), 255)

/**
 * A depthwise 3 x 3 convolution followed by a pointwise one with a bias (Chollet, arXiv 1610.02357), padded as TensorFlow's
 * 'same': even sides only at stride 2.
 */
export function separableConv(name: string, inputs: number, outputs: number, stride: 1 | 2 = 1): Convolution {
  const parameters = {
    [`${name}/depthwise_filter`]: [3, 3, inputs, 1],
    [`${name}/pointwise_filter`]: [1, 1, inputs, outputs],
    [`${name}/bias`]: [outputs],
  }
  return define([{ parameters }], (w, x, ending) => {
    const filter = weight<tf.Tensor4D>(w, `${name}/depthwise_filter`)
    const mixed = stride === 1 ? depthwiseConv2dSame(x, filter) : depthwiseConv2d(padEnd(x), filter, stride)
    return convolution(mixed, weight(w, `${name}/pointwise_filter`), weight(w, `${name}/bias`), 1, 'same', ending)
  })
}

/** A convolution with a bias, padded as TensorFlow's 'same'. */
export function plainConv(name: string, kernel: 1 | 3, inputs: number, outputs: number, stride: 1 | 2): Convolution {
  const parameters = { [`${name}/filters`]: [kernel, kernel, inputs, outputs], [`${name}/bias`]: [outputs] }
  return define([{ parameters }], (w, x, ending) => {
    const padded = kernel === 3 && stride === 2 ? padEnd(x) : x
    const padding = stride === 1 ? 'same' : 'valid'
    return convolution(padded, weight(w, `${name}/filters`), weight(w, `${name}/bias`), stride, padding, ending)
  })
}

/** A product with a matrix and a bias: [n, in] -> [n, out]. */
export function dense(name: string, inputs: number, outputs: number): Module<[tf.Tensor2D], tf.Tensor2D> {
  const parameters = { [`${name}/weights`]: [inputs, outputs], [`${name}/bias`]: [outputs] }
  return define([{ parameters }], (w, x) =>
    tf.add(tf.matMul(x, weight<tf.Tensor2D>(w, `${name}/weights`)), weight(w, `${name}/bias`)),
  )
}

/** TensorFlow's 'same' for a kernel of three at stride 2 on an even side: one zero after the end. */
const padEnd = (x: tf.Tensor4D): tf.Tensor4D =>
  tf.pad(x, [
    [0, 0],
    [0, 1],
    [0, 1],
    [0, 0],
  ])

/**
 * The tensors that a network reads, out of those of a checkpoint whose names it keeps.
 * @throws Error naming the tensor that is absent or of another shape
 */
export function weightsOf(
  parameters: Shapes,
  tensors: ReadonlyMap<string, { shape: number[]; data: Float32Array }>,
): Weights {
  const weights: Record<string, tf.Tensor> = {}
  for (const [name, shape] of Object.entries(parameters)) {
    const found = tensors.get(name)
    if (!found || `${found.shape}` !== `${shape}`)
      throw new Error(`expected a tensor '${name}' of shape [${shape}], found ${found ? `[${found.shape}]` : 'none'}`)
    weights[name] = tf.tensor(found.data, found.shape)
  }
  return weights
}
