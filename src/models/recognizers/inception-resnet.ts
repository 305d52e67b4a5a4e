/**
 * FaceNet (Schroff et al., arXiv 1503.03832) as facenet-pytorch has it: Inception-ResNet v1 (Szegedy et al., arXiv
 * 1602.07261) under its parameter names, without the classifier of its training. Evaluation mode.
 */
import * as tf from '@tensorflow/tfjs'
import { type Conv2dOptions, conv2d, type Layer4D, linear } from '../layers.ts'
import { define, type Module, type Weights } from '../module.ts'
import { batchNorm, convNormRelu, sequence } from './parts.ts'
import { cropResize, type Recognizer, type Rectangle, unit } from './recognizer.ts'

const inputSize = 160
/** The mean box that MTCNN, facenet-pytorch's detector, draws in the aligned face: measured on 300 faces of LFW. */
const facenetCrop: Rectangle = { left: 27 / 128, top: 26 / 128, right: 101 / 128, bottom: 124 / 128 }
/** Of every batch normalisation, as in TensorFlow, where the network was trained. */
const epsilon = 1e-3

/** Kernel and stride of a convolution, which keeps the size unless it says 'valid'. */
type Step = readonly [outputs: number, kernel?: Conv2dOptions['kernel'], valid?: 'valid']

const conv = (name: string, inputs: number, outputs: number, options: Conv2dOptions = {}): Layer4D =>
  convNormRelu(name, inputs, outputs, { epsilon, ...options })

/** Convolutions NAME.0, NAME.1, ...; a single one is NAME itself. A 'valid' one halves the size. */
function branch(name: string, inputs: number, steps: readonly Step[]): Layer4D {
  let width = inputs
  const layers = steps.map(([outputs, kernel = 1, valid], i) => {
    const options = valid ? { kernel, stride: 2, padding: 0 } : { kernel }
    const layer = conv(steps.length === 1 ? name : `${name}.${i}`, width, outputs, options)
    width = outputs
    return layer
  })
  return sequence(...layers)
}

/** Branches side by side, joined along the channels. */
const inception = (branches: readonly Layer4D[]): Layer4D =>
  define(branches, (w, x) =>
    tf.concat(
      branches.map(part => part(w, x)),
      3,
    ),
  )

/** relu(x + scale conv(branches(x))); `branches` are given by their convolutions. */
function residual(
  name: string,
  width: number,
  scale: number,
  branches: readonly (readonly Step[])[],
  activate: (x: tf.Tensor4D) => tf.Tensor4D = tf.relu,
): Layer4D {
  const mixed = inception(branches.map((steps, i) => branch(`${name}.branch${i}`, width, steps)))
  const joined = branches.reduce((sum, steps) => sum + steps.at(-1)![0], 0)
  const up = conv2d(`${name}.conv2d`, joined, width, { kernel: 1 })
  return define([mixed, up], (w, x) => activate(tf.add(x, tf.mul(up(w, mixed(w, x)), scale))))
}

const maxPool: Layer4D = define([], (_, x: tf.Tensor4D) => tf.maxPool(x, 3, 2, 'valid'))
const several = (count: number, layer: (i: number) => Layer4D): Layer4D =>
  sequence(...Array.from({ length: count }, (_, i) => layer(i)))

const block35 = (name: string) => residual(name, 256, 0.17, [[[32]], [[32], [32, 3]], [[32], [32, 3], [32, 3]]])
const block17 = (name: string) => residual(name, 896, 0.1, [[[128]], [[128], [128, [1, 7]], [128, [7, 1]]]])
const block8 = (name: string, scale: number, activate?: (x: tf.Tensor4D) => tf.Tensor4D) =>
  residual(name, 1792, scale, [[[192]], [[192], [192, [1, 3]], [192, [3, 1]]]], activate)

/** The network: faces [n, 160, 160, 3] of (rgb - 127.5) / 128 -> embeddings [n, 512] of unit length. */
export function inceptionResnetV1(): Module<[tf.Tensor4D], tf.Tensor2D> {
  const layers = sequence(
    conv('conv2d_1a', 3, 32, { stride: 2, padding: 0 }), // 79 x 79
    conv('conv2d_2a', 32, 32, { padding: 0 }), // 77 x 77
    conv('conv2d_2b', 32, 64),
    maxPool, // 38 x 38
    conv('conv2d_3b', 64, 80, { kernel: 1 }),
    conv('conv2d_4a', 80, 192, { padding: 0 }), // 36 x 36
    conv('conv2d_4b', 192, 256, { stride: 2, padding: 0 }), // 17 x 17
    several(5, i => block35(`repeat_1.${i}`)),
    inception([
      branch('mixed_6a.branch0', 256, [[384, 3, 'valid']]),
      branch('mixed_6a.branch1', 256, [[192], [192, 3], [256, 3, 'valid']]),
      maxPool,
    ]), // 8 x 8
    several(10, i => block17(`repeat_2.${i}`)),
    inception([
      branch('mixed_7a.branch0', 896, [[256], [384, 3, 'valid']]),
      branch('mixed_7a.branch1', 896, [[256], [256, 3, 'valid']]),
      branch('mixed_7a.branch2', 896, [[256], [256, 3], [256, 3, 'valid']]),
      maxPool,
    ]), // 3 x 3
    several(5, i => block8(`repeat_3.${i}`, 0.2)),
    block8('block8', 1, x => x),
  )
  const last = linear('last_linear', 1792, 512, false)
  const norm = batchNorm('last_bn', 512, epsilon)
  return define([layers, last, norm], (w, x) =>
    tf.tidy(() => {
      const pooled = tf.mean(layers(w, x), [1, 2]) // [n, 1792]
      return unit(norm(w, last(w, pooled) as tf.Tensor4D) as tf.Tensor as tf.Tensor2D)
    }),
  )
}

/** The recognizer over loaded weights. */
export function facenet(weights: Weights, crop: Rectangle = facenetCrop): Recognizer {
  const network = inceptionResnetV1()
  return {
    name: 'facenet',
    dimensions: 512,
    // (rgb - 127.5) / 128, where rgb = 127.5 (x + 1)
    embed: faces => tf.tidy(() => network(weights, tf.mul(cropResize(faces, crop, inputSize), 127.5 / 128))),
  }
}
