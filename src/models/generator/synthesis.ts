/**
 * The synthesis network of MobileStyleGAN (Belousov, arXiv 2104.04767): styles in, a face out. Convolutions are separable and
 * modulated by scaling their input's channels; resolution doubles by an inverse Haar transform. Demodulation is constant and
 * folded into the weights. Letters: n faces, c channels, s side in pixels.
 */
import * as tf from '@tensorflow/tfjs'
import { linear } from '../layers.ts'
import { define, type Module, type Weights, weight } from '../module.ts'
import { noisyLeakyRelu } from '../ops/activations.ts'
import { affine, convolution } from '../ops/affine.ts'
import { modulatedSeparable } from '../ops/depthwise.ts'
import { inverseHaar } from '../ops/haar.ts'

// Image heads for sizes that the published generator has none for: what its later blocks would make of the features, small.
// Fitted by scripts/fit-image-heads.ts. Letters: n faces, s side of the features, c their channels.

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

/** Rows of W+: one style for each place that reads one. */
export const styleRows = 16
export const styleWidth = 512

/** Channels of the blocks, whose features are 8, 16, ..., 512 pixels a side. */
const widths = [512, 512, 512, 512, 256, 128, 64] as const

/** Sides of the faces that the network has a head for, and the block whose features the head reads. */
const headBlocks = { 128: 3, 256: 4, 1024: 6 } as const
export type FaceSize = keyof typeof headBlocks
export const faceSizes = [128, 256, 1024] as const satisfies readonly FaceSize[]

type Modulated = Module<[x: tf.Tensor4D, style: tf.Tensor2D], tf.Tensor4D>

export interface Synthesis extends Module<[styles: tf.Tensor3D, size: FaceSize], tf.Tensor4D> {
  /** Features [n, s/2, s/2, c] that the head of a size reads. */
  features(weights: Weights, styles: tf.Tensor3D, size: FaceSize): tf.Tensor4D
}

/** What each channel is multiplied by, an affine map of a style: [n, 512] -> [n, c]. */
function modulation(name: string, channels: number): Module<[style: tf.Tensor2D], tf.Tensor2D> {
  const parameters = { [`${name}.weight`]: [channels, styleWidth], [`${name}.bias`]: [channels] }
  return define([{ parameters }], (w, style) => {
    const options = { bias: weight(w, `${name}.bias`), transposed: true }
    return affine(style, weight<tf.Tensor2D>(w, `${name}.weight`), options) as tf.Tensor2D
  })
}

/** Noise of every pixel and the bias of every channel, as an activation's parameters and as it takes them. */
function noiseAndBias(name: string, channels: number, side: number) {
  return {
    parameters: { [`${name}.noise`]: [1, 1, side, side], [`${name}.bias`]: [channels] },
    of: (w: Weights) => ({
      noise: tf.reshape(weight(w, `${name}.noise`), [1, side, side, 1]) as tf.Tensor4D,
      bias: weight(w, `${name}.bias`),
    }),
  }
}

/** A modulated separable convolution and its activation: [n, s, s, inputs] -> [n, s, s, outputs]. */
function separable(name: string, inputs: number, outputs: number, side: number): Modulated {
  const modulate = modulation(`${name}.style`, inputs)
  const added = noiseAndBias(name, outputs, side)
  const parameters = {
    [`${name}.depthwise`]: [inputs, 1, 3, 3],
    [`${name}.pointwise`]: [outputs, inputs, 1, 1],
  }
  return define([modulate, added, { parameters }], (w, x, style) =>
    modulatedSeparable(x, modulate(w, style), {
      depthwise: tf.reshape(weight(w, `${name}.depthwise`), [3, 3, inputs, 1]) as tf.Tensor4D,
      pointwise: tf.reshape(weight(w, `${name}.pointwise`), [inputs, outputs]) as tf.Tensor2D,
      ...added.of(w),
    }),
  )
}

/** The first layer, 4 x 4, from a learned constant. */
function first(name: string): Module<[style: tf.Tensor2D], tf.Tensor4D> {
  const modulate = modulation(`${name}.style`, 512)
  const added = noiseAndBias(name, 512, 4)
  const parameters = { const: [1, 512, 4, 4], [`${name}.weight`]: [512, 512, 3, 3] }
  return define([modulate, added, { parameters }], (w, style) => {
    const constant = tf.reshape(weight(w, 'const'), [1, 4, 4, 512])
    const scaled: tf.Tensor4D = tf.mul(constant, tf.reshape(modulate(w, style), [-1, 1, 1, 512]))
    const { noise, bias } = added.of(w)
    return noisyLeakyRelu(convolution(scaled, weight(w, `${name}.weight`)), noise, bias)
  })
}

/** Doubles the side: [n, s, s, inputs] -> [n, 2s, 2s, outputs]. */
function block(
  name: string,
  inputs: number,
  outputs: number,
  side: number,
): Module<[x: tf.Tensor4D, a: tf.Tensor2D, b: tf.Tensor2D], tf.Tensor4D> {
  const up = modulation(`${name}.up`, inputs)
  const conv1 = separable(`${name}.conv1`, inputs / 4, outputs, side)
  const conv2 = separable(`${name}.conv2`, outputs, outputs, side)
  return define([up, conv1, conv2], (w, x, a, b) => conv2(w, conv1(w, inverseHaar(x, up(w, a)), a), b))
}

/** Rows whose mean is the style of each layer of a fitted head: those that would follow its block. */
const headStyleRows = { 3: [[9, 10], [11, 15], [11, 15]], 4: [[11, 12], [13, 14], [11, 15]] } as const // biome-ignore format: one line

/** Styles [n, 16, 512] -> those of the layers of the head on block 3 or 4. */
export function headRows(styles: tf.Tensor3D, block: 3 | 4): HeadStyles {
  return headStyleRows[block].map(([first, last]) =>
    tf.mean(tf.slice(styles, [0, first, 0], [-1, last - first + 1, -1]), 1),
  ) as unknown as HeadStyles
}

/** The head on block 3 or 4: features [n, s, s, c], styles [n, 16, 512] -> [n, 2s, 2s, 3]. */
function fittedHead(block: 3 | 4): Module<[x: tf.Tensor4D, styles: tf.Tensor3D], tf.Tensor4D> {
  const network = imageHead(`to_img.${block}`, widths[block], styleWidth)
  return define([network], (w, x, styles) => network(w, x, headRows(styles, block)))
}

/** Colours from features: [n, s, s, inputs] -> [n, 2s, 2s, 3]. Scaling the weight instead of the features saves a pass over them. */
function head(name: string, inputs: number): Modulated {
  const modulate = modulation(`${name}.style`, inputs)
  const parameters = { [`${name}.weight`]: [12, inputs, 1, 1], [`${name}.bias`]: [12] }
  return define([modulate, { parameters }], (w, x, style) => {
    const [n, h, width] = x.shape
    const filter = tf.reshape(weight(w, `${name}.weight`), [1, inputs, 12])
    const scaled = tf.mul(filter, tf.reshape(modulate(w, style), [-1, inputs, 1]))
    const colours = tf.add(tf.matMul(tf.reshape(x, [n, h * width, inputs]), scaled), weight(w, `${name}.bias`))
    return inverseHaar(tf.reshape(colours, [n, h, width, 12]) as tf.Tensor4D)
  })
}

/**
 * Styles [n, 16, 512] -> faces [n, s, s, 3] of about [-1, 1], in FFHQ alignment. Row 0 is of the first layer, rows 1 + 2i and
 * 2 + 2i of block i, row 15 of the head at 1024 pixels; smaller heads read the rows that would follow their blocks.
 */
export function synthesis(): Synthesis {
  const start = first('conv0')
  const blocks = widths.map((width, i) => block(`blocks.${i}`, widths[i - 1] ?? 512, width, 8 << i))
  const last = head('to_img.6', widths[6])
  const fitted = { 128: fittedHead(3), 256: fittedHead(4) } as const
  const rowsOf = (styles: tf.Tensor3D) => tf.unstack(styles, 1) as tf.Tensor2D[]
  const features = (w: Weights, rows: readonly tf.Tensor2D[], size: FaceSize) =>
    blocks
      .slice(0, headBlocks[size] + 1)
      .reduce((x, block, i) => block(w, x, rows[1 + 2 * i]!, rows[2 + 2 * i]!), start(w, rows[0]!))
  const network = define<[tf.Tensor3D, FaceSize], tf.Tensor4D>(
    [start, ...blocks, last, fitted[128], fitted[256]],
    (w, styles, size) => {
      const rows = rowsOf(styles)
      const x = features(w, rows, size)
      return size === 1024 ? last(w, x, rows[styleRows - 1]!) : fitted[size](w, x, styles)
    },
  )
  return Object.assign(network, {
    features: (w: Weights, styles: tf.Tensor3D, size: FaceSize) => features(w, rowsOf(styles), size),
  })
}

const depth = 8

/** StyleGAN's mapping network (Karras et al. 2019): z [n, 512] of N(0, I) -> w [n, 512], one style for every row. */
export function mapping(): Module<[z: tf.Tensor2D], tf.Tensor2D> {
  const layers = Array.from({ length: depth }, (_, i) => linear(`layers.${i}`, styleWidth, styleWidth))
  return define(layers, (w, z) => {
    const normalised: tf.Tensor = tf.mul(z, tf.rsqrt(tf.add(tf.mean(tf.square(z), 1, true), 1e-8)))
    return layers.reduce((x, layer) => tf.mul(tf.leakyRelu(layer(w, x), 0.2), Math.SQRT2), normalised) as tf.Tensor2D
  })
}
