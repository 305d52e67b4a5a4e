/**
 * What face-api's small networks are made of, under their checkpoints' own names. Letters: n faces, h w height and width,
 * c channels.
 */
import * as tf from '@tensorflow/tfjs'
import { define, type Module, type Shapes, type Weights, weight } from './module.ts'
import { relu } from './ops/activations.ts'
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
    return convolution(mixed, weight(w, `${name}/pointwise_filter`), { bias: weight(w, `${name}/bias`), ...ending })
  })
}

/** A convolution with a bias, padded as TensorFlow's 'same'. */
export function plainConv(name: string, kernel: 1 | 3, inputs: number, outputs: number, stride: 1 | 2): Convolution {
  const parameters = { [`${name}/filters`]: [kernel, kernel, inputs, outputs], [`${name}/bias`]: [outputs] }
  return define([{ parameters }], (w, x, ending) => {
    const padded = kernel === 3 && stride === 2 ? padEnd(x) : x
    const padding = stride === 1 ? 'same' : 'valid'
    return convolution(padded, weight(w, `${name}/filters`), {
      bias: weight(w, `${name}/bias`),
      stride,
      padding,
      ...ending,
    })
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

// The network of face-api's landmark and expression models: densely connected blocks of separable convolutions, in our own
// operations, whose gradients with respect to the pixels exist on every backend and are faster than tfjs's. Letters: n faces,
// c channels.

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

// face-api's AgeGenderNet, a small Xception (Chollet, arXiv 1610.02357), in operations that differentiate on every backend.

/** What AgeGenderNet makes of faces: judgements, not facts. */
export interface AgeGender {
  /** In years, [n]. */
  readonly age: tf.Tensor1D
  /** Logit of male minus logit of female, [n]: the log-odds of a male face. */
  readonly maleLogOdds: tf.Tensor1D
}

/** Two separable convolutions and a max-pool beside a strided pointwise shortcut: half the size. */
function reductionBlock(
  name: string,
  inputs: number,
  outputs: number,
  activate = true,
): Module<[tf.Tensor4D], tf.Tensor4D> {
  const conv0 = separableConv(`${name}/separable_conv0`, inputs, outputs)
  const conv1 = separableConv(`${name}/separable_conv1`, outputs, outputs)
  const expansion = plainConv(`${name}/expansion_conv`, 1, inputs, outputs, 2)
  return define([conv0, conv1, expansion], (w, x) => {
    const branch = conv1(w, relu(conv0(w, activate ? relu(x) : x)))
    return tf.add(tf.maxPool(branch, 3, 2, 'same'), expansion(w, x))
  })
}

/** x + three separable convolutions, each after a relu. */
function mainBlock(name: string, channels: number): Module<[tf.Tensor4D], tf.Tensor4D> {
  const convs = [0, 1, 2].map(i => separableConv(`${name}/separable_conv${i}`, channels, channels))
  return define(convs, (w, x) =>
    tf.add(
      convs.reduce((y, conv) => conv(w, relu(y)), x),
      x,
    ),
  )
}

/** The network: faces [n, 112, 112, 3] in 0..255 -> age [n, 1] and logits of male and female [n, 2]. */
export function ageGenderNet(): Module<[tf.Tensor4D], { age: tf.Tensor2D; gender: tf.Tensor2D }> {
  const entry = plainConv('entry_flow/conv_in', 3, 3, 32, 2) // 56 x 56
  const blocks = [
    reductionBlock('entry_flow/reduction_block_0', 32, 64, false), // 28 x 28
    reductionBlock('entry_flow/reduction_block_1', 64, 128), // 14 x 14
    mainBlock('middle_flow/main_block_0', 128),
    mainBlock('middle_flow/main_block_1', 128),
    reductionBlock('exit_flow/reduction_block', 128, 256), // 7 x 7
  ]
  const last = separableConv('exit_flow/separable_conv', 256, 512)
  const [age, gender] = [dense('fc/age', 512, 1), dense('fc/gender', 512, 2)]
  return define([entry, ...blocks, last, age, gender], (w, x) => {
    const y = blocks.reduce((y, block) => block(w, y), entry(w, normalized(x), { relu: true }))
    const features = tf.mean(relu(last(w, y)), [1, 2]) as tf.Tensor2D
    return { age: age(w, features), gender: gender(w, features) }
  })
}

/** AgeGenderNet over its weights: [n, 112, 112, 3] in 0..255 -> age and log-odds. */
export function ageGender(weights: Weights): (x: tf.Tensor4D) => AgeGender {
  const net = ageGenderNet()
  return x =>
    tf.tidy(() => {
      const { age, gender } = net(weights, x)
      const [male, female] = tf.split(gender, 2, 1)
      return {
        age: tf.reshape(age, [-1]) as tf.Tensor1D,
        maleLogOdds: tf.reshape(tf.sub(male!, female!), [-1]) as tf.Tensor1D,
      }
    })
}
