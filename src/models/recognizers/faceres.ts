/**
 * The recognizer of @vladmandic/human's `faceres` model: a MobileNet v1 (Howard et al., arXiv 1704.04861) trained on
 * VGGFace2, whose pooled last layer is the embedding. A judge: guidance never sees it.
 */
import * as tf from '@tensorflow/tfjs'
import type { AgeGender } from '../face-api.ts'
import { conv2d, type Layer4D } from '../layers.ts'
import { define, type Module, type Weights, weight } from '../module.ts'
import { affine } from '../ops/affine.ts'
import { dlibCrop } from './dlib.ts'
import { depthwise, sequence } from './parts.ts'
import { cropResize, type Recognizer, type Rectangle, unit } from './recognizer.ts'

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

// Age and sex as the heads of @vladmandic/human's `faceres` model read them from its embedding: judgements, not facts. They
// are the judge of the attribute energy, which reads another network; with faceres among the guides they judge nothing.

/** The heads: embedding before normalisation [n, 1024] -> age in years [n] and log-odds of a male face [n]. */
export function faceresHeads(): Module<[tf.Tensor2D], AgeGender> {
  const shapes = { feats: [1024, 256], age_pred: [256, 100], gender_pred: [256, 1] }
  const parameters: Record<string, number[]> = {}
  for (const [name, [inputs, outputs]] of Object.entries(shapes))
    Object.assign(parameters, { [`${name}/kernel`]: [inputs!, outputs!], [`${name}/bias`]: [outputs!] })
  return define([{ parameters }], (w, x) => {
    const layer = (name: keyof typeof shapes, x: tf.Tensor) =>
      affine(x, weight<tf.Tensor2D>(w, `${name}/kernel`), { bias: weight(w, `${name}/bias`) })
    const features = tf.relu(layer('feats', x))
    const perYear = tf.softmax(layer('age_pred', features)) // of 0 to 99 years
    const age = tf.sum(tf.mul(perYear, tf.range(0, 100)), 1) as tf.Tensor1D
    return { age, maleLogOdds: tf.reshape(layer('gender_pred', features), [-1]) as tf.Tensor1D }
  })
}

/**
 * The judge over the weights of faceres's network and of its heads. On 208 faces of UTKFace, 16 to 80 years old, it is 7.5
 * years off in the mean, 3.3 of them too young, and right about 97 % of the sexes; seven crops differ by half a year.
 * @returns faces [n, s, s, 3] in [-1, 1] on the template of faces/template.ts -> age and log-odds
 */
export function faceresAttributes(
  network: Weights,
  heads: Weights,
  crop: Rectangle = dlibCrop,
): (faces: tf.Tensor4D) => AgeGender {
  const [net, read] = [faceresNet(), faceresHeads()]
  return faces =>
    tf.tidy(() => {
      const rgb = tf.mul(tf.add(cropResize(faces, crop, inputSize), 1), 127.5)
      const x = net(network, tf.sub(tf.reverse(rgb, 3), meanColour) as tf.Tensor4D)
      return read(heads, x) as unknown as tf.TensorContainer
    }) as unknown as AgeGender
}
