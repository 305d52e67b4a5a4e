/**
 * MobileFaceNet (Chen et al., arXiv 1804.07573) as faceplugin trained it: bottlenecks of an expanding 1 x 1, a depthwise
 * 3 x 3 and a projecting 1 x 1 convolution, PReLU after the first two; batch normalisations are folded into the
 * convolutions. A judge: guidance never sees it.
 */
import * as tf from '@tensorflow/tfjs'
import { conv2d, type Layer4D } from '../layers.ts'
import { define, type Module, type Weights } from '../module.ts'
import { depthwise, prelu, sequence } from './parts.ts'
import { arcFaceRectangle, cropResize, type Recognizer, type Rectangle, unit } from './recognizer.ts'

const inputSize = 112

function bottleneck(name: string, inputs: number, hidden: number, outputs: number, stride: number): Layer4D {
  return sequence(
    conv2d(`${name}.expand`, inputs, hidden, { kernel: 1 }),
    prelu(`${name}.expand.slope`, hidden),
    depthwise(`${name}.depthwise`, hidden, 3, { stride }),
    prelu(`${name}.depthwise.slope`, hidden),
    conv2d(`${name}.project`, hidden, outputs, { kernel: 1 }),
  )
}

function residual(name: string, channels: number, hidden: number): Layer4D {
  const branch = bottleneck(name, channels, hidden, channels, 1)
  return define([branch], (w, x) => tf.add(x, branch(w, x)))
}

const residuals = (name: string, count: number, channels: number, hidden: number): Layer4D =>
  sequence(...Array.from({ length: count }, (_, i) => residual(`${name}.${i}`, channels, hidden)))

/** The network: [n, 112, 112, 3] of (rgb - 127) / 128 -> embedding before normalisation [n, 512]. */
export function mobileFaceNet(): Module<[tf.Tensor4D], tf.Tensor2D> {
  const layers = sequence(
    conv2d('stem', 3, 64, { stride: 2, padding: 1 }),
    prelu('stem.slope', 64), // 56 x 56
    depthwise('stem_depthwise', 64, 3),
    prelu('stem_depthwise.slope', 64),
    bottleneck('down1', 64, 128, 64, 2), // 28 x 28
    residuals('stage1', 4, 64, 128),
    bottleneck('down2', 64, 256, 128, 2), // 14 x 14
    residuals('stage2', 6, 128, 256),
    bottleneck('down3', 128, 512, 128, 2), // 7 x 7
    residuals('stage3', 2, 128, 256),
    conv2d('head', 128, 512, { kernel: 1 }),
    prelu('head.slope', 512),
    depthwise('pool', 512, 7, { padding: [0, 0] }), // 1 x 1
    conv2d('embedding', 512, 512, { kernel: 1 }),
  )
  return define([layers], (w, x) => tf.reshape(layers(w, x), [-1, 512]) as tf.Tensor2D)
}

/** The recognizer over loaded weights. */
export function mobilefacenet(weights: Weights, crop: Rectangle = arcFaceRectangle): Recognizer {
  const net = mobileFaceNet()
  return {
    name: 'mobilefacenet',
    dimensions: 512,
    embed: faces =>
      tf.tidy(() => {
        const x = cropResize(faces, crop, inputSize) // in [-1, 1]; rgb = 127.5 (x + 1)
        return unit(net(weights, tf.div(tf.add(tf.mul(x, 127.5), 0.5), 128)))
      }),
  }
}
