/**
 * ArcFace's IR-SE50 (Deng et al., arXiv 1801.07698), with the parameter names of TreB1eN's InsightFace_Pytorch, whose
 * `model_ir_se50.pth` users download. Evaluation mode.
 */
import * as tf from '@tensorflow/tfjs'
import { conv2d, type Layer4D, linear } from '../layers.ts'
import { define, type Module, type Weights } from '../module.ts'
import { batchNorm, prelu, sequence } from './parts.ts'
import { arcFaceRectangle, cropResize, type Recognizer, type Rectangle, unit } from './recognizer.ts'

const inputSize = 112

/** Channels in and out, and number of blocks, of the four stages; the first block of each halves the size. */
const stages = [
  { inputs: 64, outputs: 64, blocks: 3 },
  { inputs: 64, outputs: 128, blocks: 4 },
  { inputs: 128, outputs: 256, blocks: 14 },
  { inputs: 256, outputs: 512, blocks: 3 },
]

/** Squeeze and excitation (Hu et al., arXiv 1709.01507): each channel times sigmoid(fc2(relu(fc1(its mean)))). */
function excite(name: string, channels: number, reduction = 16): Layer4D {
  const fc1 = conv2d(`${name}.fc1`, channels, channels / reduction, { kernel: 1, bias: false })
  const fc2 = conv2d(`${name}.fc2`, channels / reduction, channels, { kernel: 1, bias: false })
  return define([fc1, fc2], (w, x) => {
    const mean = tf.mean(x, [1, 2], true) as tf.Tensor4D // [n, 1, 1, c]
    return tf.mul(x, tf.sigmoid(fc2(w, tf.relu(fc1(w, mean)))))
  })
}

function bottleneck(name: string, inputs: number, outputs: number, stride: number): Layer4D {
  const branch = sequence(
    batchNorm(`${name}.res_layer.0`, inputs),
    conv2d(`${name}.res_layer.1`, inputs, outputs, { bias: false }),
    prelu(`${name}.res_layer.2.weight`, outputs),
    conv2d(`${name}.res_layer.3`, outputs, outputs, { stride, padding: 1, bias: false }),
    batchNorm(`${name}.res_layer.4`, outputs),
    excite(`${name}.res_layer.5`, outputs),
  )
  const shortcut =
    inputs === outputs
      ? subsample(stride)
      : sequence(
          conv2d(`${name}.shortcut_layer.0`, inputs, outputs, { kernel: 1, stride, bias: false }),
          batchNorm(`${name}.shortcut_layer.1`, outputs),
        )
  return define([branch, shortcut], (w, x) => tf.add(shortcut(w, x), branch(w, x)))
}

/**
 * torch.nn.MaxPool2d(1, stride). As an average, which over one pixel is the same: tfjs's wasm gradient of the maximum
 * drops every window whose maximum is negative.
 */
const subsample = (stride: number): Layer4D =>
  define([], (_, x: tf.Tensor4D) => (stride === 1 ? x : tf.avgPool(x, 1, stride, 'valid')))

/** The network: aligned faces [n, 112, 112, 3] in [-1, 1] -> embeddings [n, 512] of unit length. */
export function irSe50(): Module<[tf.Tensor4D], tf.Tensor2D> {
  const body = stages.flatMap(({ inputs, outputs, blocks }) =>
    Array.from({ length: blocks }, (_, i) => ({
      inputs: i === 0 ? inputs : outputs,
      outputs,
      stride: i === 0 ? 2 : 1,
    })),
  )
  const layers = sequence(
    conv2d('input_layer.0', 3, 64, { bias: false }), // 112 x 112
    batchNorm('input_layer.1', 64),
    prelu('input_layer.2.weight', 64),
    ...body.map(({ inputs, outputs, stride }, i) => bottleneck(`body.${i}`, inputs, outputs, stride)), // 7 x 7
    batchNorm('output_layer.0', 512),
  )
  const fullyConnected = linear('output_layer.3', 512 * 7 * 7, 512)
  const norm = batchNorm('output_layer.4', 512)
  return define([layers, fullyConnected, norm], (w, x) =>
    tf.tidy(() => {
      const y = tf.transpose(layers(w, x), [0, 3, 1, 2]) // flattened channels first, as PyTorch does
      const embedding = fullyConnected(w, tf.reshape(y, [-1, 512 * 7 * 7]))
      return unit(norm(w, embedding as tf.Tensor4D) as tf.Tensor as tf.Tensor2D)
    }),
  )
}

/** The recognizer over loaded weights. */
export function arcface(weights: Weights, crop: Rectangle = arcFaceRectangle): Recognizer {
  const network = irSe50()
  return {
    name: 'ir-se50',
    dimensions: 512,
    embed: faces => tf.tidy(() => network(weights, cropResize(faces, crop, inputSize))),
  }
}
