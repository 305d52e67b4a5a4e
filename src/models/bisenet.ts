/**
 * BiSeNet (Yu et al., arXiv 1808.00897) on ResNet-18 for face parsing, under the parameter names of zllrunning's
 * face-parsing.PyTorch, whose `79999_iter.pth` users download. Evaluation mode. Letters: n faces, s side, a multiple of 32.
 */
import * as tf from '@tensorflow/tfjs'
import { conv2d, type Layer4D, upsample2 } from './layers.ts'
import { define, type Module, type Weights } from './module.ts'
import { alignedCorners, resample } from './ops/resample.ts'
import { batchNorm, convNormRelu, relu, sequence } from './recognizers/parts.ts'
import { cropResize, whole } from './recognizers/recognizer.ts'

/** What a pixel can be, in the order of the network's output (CelebAMask-HQ's classes). */
export const faceParts = [
  ...['background', 'skin', 'left brow', 'right brow', 'left eye', 'right eye', 'glasses', 'left ear', 'right ear'],
  ...['earring', 'nose', 'mouth', 'upper lip', 'lower lip', 'neck', 'necklace', 'cloth', 'hair', 'hat'],
]

const inputSize = 512
/** Mean and standard deviation of ImageNet's red, green and blue, in 0..1. */
const mean = [0.485, 0.456, 0.406]
const deviation = [0.229, 0.224, 0.225]

/** Where what is in aligned faces: [n, s, s, 3] in [-1, 1] -> scores of the 19 parts, [n, 512, 512, 19]. */
export type FaceParser = (faces: tf.Tensor4D) => tf.Tensor4D

/** The parser over loaded weights; differentiable. */
export function faceParser(weights: Weights): FaceParser {
  const network = bisenet()
  return faces =>
    tf.tidy(() => {
      const rgb = tf.mul(tf.add(cropResize(faces, whole, inputSize), 1), 0.5)
      return network(weights, tf.div(tf.sub(rgb, mean), deviation))
    })
}

/**
 * Where the face is, for a mask that keeps the rest: 1 where a pixel's most likely part is none of `background`. The release
 * keeps what is called background and makes all else anew, hair, neck and clothes too.
 * @param scores [n, h, w, 19]
 * @returns [n, h, w, 1], 0 or 1
 */
export function faceRegion(scores: tf.Tensor4D, background: readonly string[] = ['background']): tf.Tensor4D {
  const unknown = background.find(part => !faceParts.includes(part))
  if (unknown) throw new Error(`faceRegion: expected parts out of ${faceParts.join(', ')}, found '${unknown}'`)
  return tf.tidy(() => {
    const isFace = tf.tensor1d(faceParts.map(part => (background.includes(part) ? 0 : 1)))
    return tf.expandDims(tf.gather(isFace, tf.argMax(scores, 3) as tf.Tensor3D), 3) as tf.Tensor4D
  })
}

/** The network: [n, s, s, 3] normalised like ImageNet -> scores [n, s, s, 19]. */
export function bisenet(): Module<[tf.Tensor4D], tf.Tensor4D> {
  const stem = sequence(
    conv2d('cp.resnet.conv1', 3, 64, { kernel: 7, stride: 2, padding: 3, bias: false }), // s / 2
    batchNorm('cp.resnet.bn1', 64),
    relu,
    maxPool, // s / 4
  )
  const [layer1, layer2, layer3, layer4] = [
    stage('cp.resnet.layer1', 64, 64, 1),
    stage('cp.resnet.layer2', 64, 128, 2), // s / 8
    stage('cp.resnet.layer3', 128, 256, 2), // s / 16
    stage('cp.resnet.layer4', 256, 512, 2), // s / 32
  ]
  const refine16 = refinement('cp.arm16', 256, 128)
  const refine32 = refinement('cp.arm32', 512, 128)
  const head16 = convNormRelu('cp.conv_head16', 128, 128)
  const head32 = convNormRelu('cp.conv_head32', 128, 128)
  const overall = convNormRelu('cp.conv_avg', 512, 128, { kernel: 1 })
  const fuse = fusion('ffm', 256, 256)
  const out = output('conv_out', 256, 256)
  // Heads of the training alone: they are in every checkpoint.
  const auxiliary = [output('conv_out16', 128, 64), output('conv_out32', 128, 64)]
  const parts = [stem, layer1, layer2, layer3, layer4, refine16, refine32, head16, head32, overall, fuse, out]
  return define([...parts, ...auxiliary], (w, x) =>
    tf.tidy(() => {
      const [, height, width] = x.shape
      const feature8 = layer2(w, layer1(w, stem(w, x))) // [n, s/8, s/8, 128]
      const feature16 = layer3(w, feature8) // [n, s/16, s/16, 256]
      const feature32 = layer4(w, feature16) // [n, s/32, s/32, 512]
      const context32 = tf.add(refine32(w, feature32), overall(w, channelMeans(feature32))) as tf.Tensor4D
      const context16 = tf.add(refine16(w, feature16), head32(w, upsample2(context32))) as tf.Tensor4D
      const context8 = head16(w, upsample2(context16)) // [n, s/8, s/8, 128]
      const scores = out(w, fuse(w, tf.concat([feature8, context8], 3))) // [n, s/8, s/8, 19]
      const [, h, w8] = scores.shape
      return resample(scores, alignedCorners(h, height), alignedCorners(w8, width))
    }),
  )
}

/** torch.nn.MaxPool2d(3, 2, padding=1) of what relu made, where zeros around are as good as nothing. */
const maxPool: Layer4D = define(
  [],
  (_, x: tf.Tensor4D) =>
  tf.maxPool(tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]]) as tf.Tensor4D, 3, 2, 'valid'), // biome-ignore format: short
)

/** Means over the pixels: [n, h, w, c] -> [n, 1, 1, c]. */
const channelMeans = (x: tf.Tensor4D) => tf.mean(x, [1, 2], true) as tf.Tensor4D

/** Two residual blocks of ResNet-18 (He et al., arXiv 1512.03385). */
const stage = (name: string, inputs: number, outputs: number, stride: number): Layer4D =>
  sequence(basicBlock(`${name}.0`, inputs, outputs, stride), basicBlock(`${name}.1`, outputs, outputs, 1))

function basicBlock(name: string, inputs: number, outputs: number, stride: number): Layer4D {
  const branch = sequence(
    conv2d(`${name}.conv1`, inputs, outputs, { stride, padding: 1, bias: false }),
    batchNorm(`${name}.bn1`, outputs),
    relu,
    conv2d(`${name}.conv2`, outputs, outputs, { bias: false }),
    batchNorm(`${name}.bn2`, outputs),
  )
  const shortcut =
    inputs === outputs && stride === 1
      ? sequence()
      : sequence(
          conv2d(`${name}.downsample.0`, inputs, outputs, { kernel: 1, stride, padding: 0, bias: false }),
          batchNorm(`${name}.downsample.1`, outputs),
        )
  return define([branch, shortcut], (w, x) => tf.relu(tf.add(shortcut(w, x), branch(w, x))))
}

/** Attention refinement: y times sigmoid(bn(conv(its channels' means))), y = convNormRelu(x). */
function refinement(name: string, inputs: number, outputs: number): Layer4D {
  const conv = convNormRelu(`${name}.conv`, inputs, outputs)
  const attention = sequence(
    conv2d(`${name}.conv_atten`, outputs, outputs, { kernel: 1, bias: false }),
    batchNorm(`${name}.bn_atten`, outputs),
  )
  return define([conv, attention], (w, x) => {
    const y = conv(w, x)
    return tf.mul(y, tf.sigmoid(attention(w, channelMeans(y))))
  })
}

/** Feature fusion: y + y times sigmoid(conv2(relu(conv1(its channels' means)))), y = convNormRelu(x). */
function fusion(name: string, inputs: number, outputs: number): Layer4D {
  const conv = convNormRelu(`${name}.convblk`, inputs, outputs, { kernel: 1 })
  const attention = sequence(
    conv2d(`${name}.conv1`, outputs, outputs / 4, { kernel: 1, bias: false }),
    relu,
    conv2d(`${name}.conv2`, outputs / 4, outputs, { kernel: 1, bias: false }),
  )
  return define([conv, attention], (w, x) => {
    const y = conv(w, x)
    return tf.add(y, tf.mul(y, tf.sigmoid(attention(w, channelMeans(y)))))
  })
}

const output = (name: string, inputs: number, hidden: number): Layer4D =>
  sequence(
    convNormRelu(`${name}.conv`, inputs, hidden),
    conv2d(`${name}.conv_out`, hidden, faceParts.length, { kernel: 1, bias: false }),
  )
