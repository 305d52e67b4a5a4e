/** Layers that only recognition networks have. Letters: n faces, h w height and width, c channels, k kernel side. */
import * as tf from '@tensorflow/tfjs'
import { type Conv2dOptions, conv2d, type Layer4D } from '../layers.ts'
import { define, weight } from '../module.ts'
import { depthwiseConv2d, depthwiseConv2dSame } from '../ops/depthwise.ts'

/** One layer after the other. */
export const sequence = (...layers: Layer4D[]): Layer4D =>
  define(layers, (w, x) => layers.reduce((y, layer) => layer(w, y), x))

export interface DepthwiseLayerOptions {
  readonly stride?: number
  /** Zeros added [before, after] height and width alike; default: (kernel - 1) / 2 both. */
  readonly padding?: readonly [number, number]
  /** Then negative values become 0, in the same operation where the backend can. */
  readonly relu?: boolean
}

/** torch.nn.Conv2d with as many groups as channels. */
export function depthwise(
  name: string,
  channels: number,
  kernel: number,
  { stride = 1, padding, relu: rectify = false }: DepthwiseLayerOptions = {},
): Layer4D {
  const parameters = { [`${name}.weight`]: [channels, 1, kernel, kernel], [`${name}.bias`]: [channels] }
  const half = (kernel - 1) / 2
  const around: [number, number] = padding ? [...padding] : [half, half]
  const isCentred = around.every(zeros => zeros === half)
  const isPadded = around.some(zeros => zeros > 0)
  return define([{ parameters }], (w, x) => {
    // [k, k, 1, c] and [k, k, c, 1] lie alike in memory.
    const filter = tf.reshape(weight(w, `${name}.weight`), [kernel, kernel, channels, 1]) as tf.Tensor4D
    const bias = weight(w, `${name}.bias`)
    if (isCentred) return depthwiseConv2dSame(x, filter, { stride, bias, relu: rectify })
    const padded = isPadded ? tf.pad(x, [[0, 0], around, around, [0, 0]]) : x
    const y = tf.add(depthwiseConv2d(padded, filter, stride), bias) as tf.Tensor4D
    return rectify ? tf.relu(y) : y
  })
}

/** torch.nn.BatchNorm2d in evaluation mode, over the last axis. */
export function batchNorm(name: string, channels: number, epsilon = 1e-5): Layer4D {
  const shape = [channels]
  const parameters = {
    [`${name}.weight`]: shape,
    [`${name}.bias`]: shape,
    [`${name}.running_mean`]: shape,
    [`${name}.running_var`]: shape,
  }
  return define([{ parameters }], (w, x) => {
    const scale = tf.mul(weight(w, `${name}.weight`), tf.rsqrt(tf.add(weight(w, `${name}.running_var`), epsilon)))
    const shift = tf.sub(weight(w, `${name}.bias`), tf.mul(weight(w, `${name}.running_mean`), scale))
    return tf.add(tf.mul(x, scale), shift)
  })
}

/** torch.nn.PReLU: x where positive, slope x elsewhere. */
export function prelu(parameter: string, channels: number): Layer4D {
  return define([{ parameters: { [parameter]: [channels] } }], (w, x) => tf.prelu(x, weight(w, parameter)))
}

/** relu(bn(conv(x))): a convolution without bias, `NAME.conv`, and its batch normalisation, `NAME.bn`. */
export function convNormRelu(
  name: string,
  inputs: number,
  outputs: number,
  { epsilon, ...options }: Conv2dOptions & { epsilon?: number } = {},
): Layer4D {
  return sequence(
    conv2d(`${name}.conv`, inputs, outputs, { ...options, bias: false }),
    batchNorm(`${name}.bn`, outputs, epsilon),
    relu,
  )
}

export const relu: Layer4D = define([], (_, x: tf.Tensor4D) => tf.relu(x))
