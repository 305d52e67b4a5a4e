/**
 * The recognizer of @vladmandic/human's `faceres` model: a MobileNet v1 (Howard et al., arXiv 1704.04861) trained on
 * VGGFace2, whose pooled last layer is the embedding. A judge: guidance never sees it.
 */
import * as tf from '@tensorflow/tfjs'
import { conv2d, type Layer4D } from '../layers.ts'
import { define, type Module, type Weights } from '../module.ts'
import { cropResize, type Rectangle } from './crop.ts'
import { depthwise, sequence } from './parts.ts'
import { type Recognizer, unit } from './recognizer.ts'

const inputSize = 224
/** Mean blue, green and red of the training faces, of 255. */
const meanColour = [103.939, 116.779, 123.68]
/** Of five crops tried on LFW test pairs, the most accurate: a little wider than ArcFace's. */
const faceresCrop: Rectangle = { left: 6 / 128, top: 10 / 128, right: 122 / 128, bottom: 126 / 128 }

/** Input channels, output channels and stride of the thirteen separable convolutions. */
const blocks: readonly (readonly [number, number, number])[] = [
  [32, 64, 1],
  [64, 128, 2],
  [128, 128, 1],
  [128, 256, 2],
  [256, 256, 1],
  [256, 512, 2],
  ...Array.from({ length: 5 }, () => [512, 512, 1] as const),
  [512, 1024, 2],
  [1024, 1024, 1],
]

/** TensorFlow's 'same' for a kernel of three: one zero around at stride 1, one after at stride 2. */
const padding = (stride: number): [number, number] => (stride === 1 ? [1, 1] : [0, 1])

const relu6: Layer4D = define([], (_, x: tf.Tensor4D) => tf.relu6(x))

/** The network: [n, 224, 224, 3] of blue, green, red minus their means -> embedding before normalisation [n, 1024]. */
export function faceresNet(): Module<[tf.Tensor4D], tf.Tensor2D> {
  const layers = sequence(
    conv2d('conv1', 3, 32, { stride: 2, padding: padding(2) }), // 112 x 112
    relu6,
    ...blocks.flatMap(([inputs, outputs, stride], i) => [
      depthwise(`conv_dw_${i + 1}`, inputs, 3, { stride, padding: padding(stride) }),
      relu6,
      conv2d(`conv_pw_${i + 1}`, inputs, outputs, { kernel: 1 }),
      relu6,
    ]), // 7 x 7
  )
  return define([layers], (w, x) => tf.mean(layers(w, x), [1, 2]) as tf.Tensor2D)
}

/** Folds human's tensors into the network's weights: its batch normalisations are scales (`mul`) and shifts (`sub`). */
export function foldFaceres(tensors: ReadonlyMap<string, { shape: number[]; data: Float32Array }>): Weights {
  const find = (name: string) => {
    const found = tensors.get(name)
    if (!found) throw new Error(`human's faceres model has no tensor '${name}'`)
    return found
  }
  const weights: Record<string, tf.Tensor> = {}
  for (const name of Object.keys(faceresNet().parameters)) {
    if (!name.endsWith('.weight')) continue
    const conv = name.slice(0, -'.weight'.length)
    const shift = find(`${conv}_bn/batchnorm_1/sub`)
    weights[`${conv}.bias`] = tf.tensor(shift.data, shift.shape)
    if (conv.startsWith('conv_dw')) {
      const { shape, data } = find(`${conv}/depthwise_kernel`) // [3, 3, c, 1], in memory as [3, 3, 1, c]
      const [height, width, channels] = shape as [number, number, number]
      const scale = find(`${conv}_bn/batchnorm_1/mul`).data
      const folded = data.map((value, i) => value * scale[i % channels]!)
      weights[name] = tf.tensor(folded, [height, width, 1, channels])
    } else {
      const { shape, data } = find(`${conv}/convolution/merged_input`) // scaled already
      weights[name] = tf.tensor(data, shape)
    }
  }
  return weights
}

/** The recognizer over loaded weights. */
export function faceres(weights: Weights, crop: Rectangle = faceresCrop): Recognizer {
  const net = faceresNet()
  return {
    name: 'faceres',
    dimensions: 1024,
    embed: faces =>
      tf.tidy(() => {
        const rgb = tf.mul(tf.add(cropResize(faces, crop, inputSize), 1), 127.5)
        return unit(net(weights, tf.sub(tf.reverse(rgb, 3), meanColour) as tf.Tensor4D))
      }),
  }
}
