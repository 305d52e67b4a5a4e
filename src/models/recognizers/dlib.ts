/**
 * dlib's face recognition ResNet (dlib_face_recognition_resnet_model_v1, 29 convolutions) on the weights that face-api
 * carries. Its batch normalisations are scales and shifts there; they are folded into the convolutions on loading.
 * Letters: n faces, c channels, t tokens.
 */
import * as tf from '@tensorflow/tfjs'
import type { FeatureNetwork, Features } from '../clip-features.ts'
import { conv2d, type Layer4D } from '../layers.ts'
import { define, type Module, type Weights, weight } from '../module.ts'
import { sequence } from './parts.ts'
import { adaptiveAveragePool, cropResize, type Recognizer, type Rectangle, unit } from './recognizer.ts'

/**
 * The recognizer, and its activations at five depths as a feature network: t 64, 64, 64, 16, 4 tokens; differentiable.
 * Their embedding is the recognizer's own.
 */
export interface DlibRecognizer extends Recognizer, FeatureNetwork {
  /** The same five activations as they are, [n, h, w, c] of 35, 17, 8, 4 and 2 a side, and the embedding [n, 128]. */
  perceive(faces: tf.Tensor4D): { embedding: tf.Tensor2D; features: tf.Tensor4D[] }
}

const inputSize = 150
const maximumSide = 8 // tokens a side
/** Mean red, green and blue of dlib's training faces, of 255. */
const meanColour = [122.782, 117.001, 104.298]

/** The chip of dlib's own pipeline within the aligned face. */
export const dlibCrop: Rectangle = { left: 18 / 128, top: 35 / 128, right: 110 / 128, bottom: 127 / 128 }

/** relu(x + conv2(relu(conv1(x)))). */
function residual(name: string, channels: number): Layer4D {
  const conv1 = conv2d(`${name}/conv1`, channels, channels)
  const conv2 = conv2d(`${name}/conv2`, channels, channels)
  return define([conv1, conv2], (w, x) => conv2(w, conv1(w, x, { relu: true }), { addend: x, relu: true }))
}

/** The same at half the size: the shortcut is average-pooled, and both branches are filled up with zeros. */
function residualDown(name: string, inputs: number, outputs: number): Layer4D {
  const conv1 = conv2d(`${name}/conv1`, inputs, outputs, { stride: 2, padding: 0 })
  const conv2 = conv2d(`${name}/conv2`, outputs, outputs)
  return define([conv1, conv2], (w, x) => {
    const shortcut = tf.avgPool(x, 2, 2, 'valid') // [n, floor(h / 2), floor(w / 2), inputs]
    const branch = conv2(w, conv1(w, x, { relu: true })) // one row and column fewer when h is even
    return tf.relu(tf.add(fill(shortcut, branch.shape), fill(branch, shortcut.shape)))
  })
}

/** Zeros after the end of height, width and channels, up to at least those of `shape`. */
function fill(x: tf.Tensor4D, shape: readonly number[]): tf.Tensor4D {
  const after = x.shape.map((size, axis) => Math.max(0, shape[axis]! - size))
  return after.some(Boolean) ? tf.pad(x, after.map(k => [0, k]) as [number, number][] as never) : x
}

/** The network: chips [n, 150, 150, 3] of 0..255 -> embedding before normalisation [n, 128] and five activations. */
export function dlibNet(): Module<[tf.Tensor4D], { embedding: tf.Tensor2D; stages: tf.Tensor4D[] }> {
  const stem = conv2d('conv32_down', 3, 32, { kernel: 7, stride: 2, padding: 0 })
  const stages = [
    sequence(residual('conv32_1', 32), residual('conv32_2', 32), residual('conv32_3', 32)), // 35 x 35
    sequence(
      residualDown('conv64_down', 32, 64),
      residual('conv64_1', 64),
      residual('conv64_2', 64),
      residual('conv64_3', 64),
    ), // 17 x 17
    sequence(residualDown('conv128_down', 64, 128), residual('conv128_1', 128), residual('conv128_2', 128)), // 8 x 8
    sequence(residualDown('conv256_down', 128, 256), residual('conv256_1', 256), residual('conv256_2', 256)), // 4 x 4
    residualDown('conv256_down_out', 256, 256), // 2 x 2
  ]
  return define([stem, ...stages, { parameters: { fc: [256, 128] } }], (w, chips) => {
    const x = tf.div(tf.sub(chips, meanColour), 255) as tf.Tensor4D
    // Max-pooling what relu made: no window has a negative maximum, which tfjs's wasm gradient would drop.
    let y = tf.maxPool(stem(w, x, { relu: true }), 3, 2, 'valid') // [n, 35, 35, 32]
    const activations = stages.map(stage => {
      y = stage(w, y)
      return y
    })
    const embedding: tf.Tensor2D = tf.matMul(tf.mean(y, [1, 2]) as tf.Tensor2D, weight<tf.Tensor2D>(w, 'fc'))
    return { embedding, stages: activations }
  })
}

/**
 * Folds face-api's tensors into the network's weights: scale (conv x + bias) + shift = (scale conv) x + scale bias +
 * shift. Its convolutions are [kh, kw, in, out] already.
 */
export function foldDlib(tensors: ReadonlyMap<string, { shape: number[]; data: Float32Array }>): Weights {
  const find = (name: string) => {
    const found = tensors.get(name)
    if (!found) throw new Error(`face-api's recognition model has no tensor '${name}'`)
    return found
  }
  const weights: Record<string, tf.Tensor> = {}
  for (const name of Object.keys(dlibNet().parameters)) {
    if (!name.endsWith('.weight')) continue
    const conv = name.slice(0, -'.weight'.length)
    const scale = find(`${conv}/scale/weights`).data
    const shift = find(`${conv}/scale/biases`).data
    const bias = find(`${conv}/conv/bias`).data
    const { shape, data } = find(`${conv}/conv/filters`)
    weights[name] = tf.tensor(
      data.map((value, i) => value * scale[i % scale.length]!),
      shape,
    )
    weights[`${conv}.bias`] = tf.tensor1d(bias.map((value, i) => value * scale[i]! + shift[i]!))
  }
  const fc = find('fc')
  weights.fc = tf.tensor(fc.data, fc.shape)
  return weights
}

/** The recognizer over loaded weights. */
export function dlib(weights: Weights, crop: Rectangle = dlibCrop): DlibRecognizer {
  const net = dlibNet()
  const run = (faces: tf.Tensor4D) =>
    net(weights, tf.mul(tf.add(cropResize(faces, crop, inputSize), 1), 127.5) as tf.Tensor4D)
  return {
    name: 'dlib',
    dimensions: 128,
    widths: [32, 64, 128, 256, 256],
    embed: faces => tf.tidy(() => unit(run(faces).embedding)),
    features: faces =>
      tf.tidy(() => {
        const { embedding, stages } = run(faces)
        return { embedding: unit(embedding), features: stages.map(tokens) as Features['features'] }
      }),
    perceive: faces =>
      tf.tidy(() => {
        const { embedding, stages } = run(faces)
        return { embedding: unit(embedding), features: stages }
      }),
  }
}

/** [n, h, w, c] -> [n, t, c], average-pooled to at most 8 x 8. */
function tokens(x: tf.Tensor4D): tf.Tensor3D {
  const pooled = x.shape[1] > maximumSide ? adaptiveAveragePool(x, maximumSide) : x
  const [n, h, w, c] = pooled.shape
  return tf.reshape(pooled, [n, h * w, c])
}
