/**
 * The network of face-api's landmark and expression models: densely connected blocks of separable convolutions, in our own
 * operations, whose gradients with respect to the pixels exist on every backend and are faster than tfjs's. Letters: n faces,
 * c channels.
 */
import * as tf from '@tensorflow/tfjs'
import { define, type Module, type Weights } from './module.ts'
import { relu } from './ops/relu.ts'
import { dense, normalized, plainConv, separableConv } from './separable.ts'

/**
 * Four convolutions, each of the sum of all before it: y1 = relu(conv0(x)), y2 = conv1(y1), y3 = conv2(relu(y1 + y2)),
 * y4 = conv3(relu(y1 + y2 + y3)) -> relu(y1 + y2 + y3 + y4) at half the size.
 */
function denseBlock(
  name: string,
  inputs: number,
  outputs: number,
  isFirst = false,
): Module<[tf.Tensor4D], tf.Tensor4D> {
  const down = isFirst
    ? plainConv(`${name}/conv0`, 3, inputs, outputs, 2)
    : separableConv(`${name}/conv0`, inputs, outputs, 2)
  const convs = [1, 2, 3].map(i => separableConv(`${name}/conv${i}`, outputs, outputs))
  return define([down, ...convs], (w, x) => {
    let sum = relu(down(w, x))
    for (const conv of convs) sum = conv(w, relu(sum), { addend: sum })
    return relu(sum)
  })
}

/** The network: faces [n, 112, 112, 3] in 0..255 -> [n, outputs], and the features that its last layer reads [n, 256]. */
export function denseFeaturesNet(
  outputs: number,
): Module<[tf.Tensor4D], { outputs: tf.Tensor2D; features: tf.Tensor2D }> {
  const blocks = [
    denseBlock('dense0', 3, 32, true), // 56 x 56
    denseBlock('dense1', 32, 64), // 28 x 28
    denseBlock('dense2', 64, 128), // 14 x 14
    denseBlock('dense3', 128, 256), // 7 x 7
  ]
  const head = dense('fc', 256, outputs)
  return define([...blocks, head], (w, x) => {
    const features = tf.mean(
      blocks.reduce((y, block) => block(w, y), normalized(x)),
      [1, 2],
    ) as tf.Tensor2D
    return { outputs: head(w, features), features }
  })
}

/** FaceLandmark68Net over its weights: [n, 112, 112, 3] in 0..255 -> [n, 136], x and y by turns in 0..1. */
export function landmarks68(weights: Weights): (x: tf.Tensor4D) => tf.Tensor2D {
  const net = denseFeaturesNet(136)
  return x => tf.tidy(() => net(weights, x).outputs)
}

/** What FaceExpressionNet makes of faces. */
export interface Expression {
  /** Before the softmax, in the order of `expressions` of faces/attributes.ts, [n, 7]. */
  readonly logits: tf.Tensor2D
  /** What the logits are a linear map of, [n, 256]. */
  readonly features: tf.Tensor2D
}

/** FaceExpressionNet over its weights: [n, 112, 112, 3] in 0..255 -> logits and features. */
export function expressionNet(weights: Weights): (x: tf.Tensor4D) => Expression {
  const net = denseFeaturesNet(7)
  return x =>
    tf.tidy(() => {
      const { outputs, features } = net(weights, x)
      return { logits: outputs, features }
    })
}
