/**
 * Image heads for sizes that the published generator has none for: what its later blocks would make of the features, small.
 * Fitted by scripts/fit-image-heads.ts. Letters: n faces, s side of the features, c their channels.
 */
import * as tf from '@tensorflow/tfjs'
import { define, type Module, type Weights, weight } from '../module.ts'
import { affine } from '../ops/affine.ts'
import { inverseHaar } from '../ops/haar.ts'

/** Channels of the two hidden layers. */
const hiddenWidth = 64
const slope = 0.2

/** Styles of the head's three layers, each [n, 512]. */
export type HeadStyles = readonly [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D]

/**
 * Features [n, s, s, c] -> faces [n, 2s, 2s, 3]: as Haar coefficients, a linear map of the features plus three 1 x 1
 * convolutions with leaky ReLU between, the inputs of each scaled by an affine map of a style as in the generator.
 */
export function imageHead(
  name: string,
  inputs: number,
  styleWidth: number,
): Module<[x: tf.Tensor4D, styles: HeadStyles], tf.Tensor4D> {
  const rows = headOfRows(name, inputs, styleWidth)
  return define([rows], (w, x, styles) => {
    const [n, height, width] = x.shape
    const colours = rows(w, tf.reshape(x, [n, height * width, inputs]), styles)
    return inverseHaar(tf.reshape(colours, [n, height, width, 12]) as tf.Tensor4D)
  })
}

/** The same pixel by pixel: features [n, p, c] -> Haar coefficients [n, p, 12]. */
export function headOfRows(
  name: string,
  inputs: number,
  styleWidth: number,
): Module<[x: tf.Tensor3D, styles: HeadStyles], tf.Tensor3D> {
  const layers = [inputs, hiddenWidth, hiddenWidth].map((width, i) =>
    modulated(`${name}.layers.${i}`, width, i < 2 ? hiddenWidth : 12, styleWidth),
  )
  const parameters = { [`${name}.skip.weight`]: [12, inputs] }
  return define([...layers, { parameters }], (w, x, styles) => {
    const y = layers.reduce(
      (y, layer, i) => layer(w, i > 0 ? (tf.leakyRelu(y, slope) as tf.Tensor3D) : y, styles[i]!),
      x,
    )
    return affine(x, weight(w, `${name}.skip.weight`), { transposed: true, addend: y }) as tf.Tensor3D
  })
}

/**
 * A layer whose input channels are scaled by a style: [n, p, in] -> [n, p, out]. Scaling the weight instead of the features
 * saves a pass over them.
 */
function modulated(
  name: string,
  inputs: number,
  outputs: number,
  styleWidth: number,
): Module<[x: tf.Tensor3D, style: tf.Tensor2D], tf.Tensor3D> {
  const parameters = {
    [`${name}.style.weight`]: [inputs, styleWidth],
    [`${name}.style.bias`]: [inputs],
    [`${name}.weight`]: [outputs, inputs],
    [`${name}.bias`]: [outputs],
  }
  return define([{ parameters }], (w: Weights, x, style) => {
    const scale = affine(style, weight<tf.Tensor2D>(w, `${name}.style.weight`), {
      bias: weight(w, `${name}.style.bias`),
      transposed: true,
    })
    const filter = tf.mul(tf.expandDims(weight(w, `${name}.weight`), 0), tf.expandDims(scale, 1)) // [n, out, in]
    return tf.add(tf.matMul(x, filter, false, true), weight(w, `${name}.bias`))
  })
}
