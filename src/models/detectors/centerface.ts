/**
 * CenterFace (Xu et al., arXiv 1911.03599): MobileNetV2 (Sandler et al., arXiv 1801.04381), a feature pyramid that adds up
 * its four strides, and one head. A face is a peak of the heat map at its centre. Batch normalisations are folded into the
 * convolutions, and the transposed ones, whose windows do not overlap, are 1 x 1 convolutions to blocks of 2 x 2 pixels.
 */
import * as tf from '@tensorflow/tfjs'
import { conv2d, type Layer4D } from '../layers.ts'
import { define, type Module } from '../module.ts'
import { depthwise, sequence } from '../recognizers/parts.ts'

/** Sides of the input have to be multiples of it. */
export const inputMultiple = 32

/** Input pixels between two cells of the output. */
export const stride = 4

/** Channels of the pyramid. */
const pyramid = 24

/** Channels before the groups. */
const stemChannels = 16

/** Groups of inverted residuals: channels, how many, and the stride of the first. */
const groups: readonly (readonly [channels: number, count: number, stride: number])[] = [
  [24, 2, 2],
  [32, 3, 2],
  [64, 4, 2],
  [96, 3, 1],
  [160, 3, 2],
  [320, 1, 1],
]

/** How many times wider an inverted residual is inside. */
const expansion = 6

/** The groups after which the pyramid takes features, coarsest first: strides 32, 16, 8 and 4. */
const levels = [5, 3, 1, 0]

/** What the head's channels are, in their order. */
const outputs = { heatmap: 1, size: 2, offset: 2, landmarks: 10 }
export const headChannels = Object.values(outputs).reduce((sum, channels) => sum + channels)

const convRelu = (name: string, inputs: number, outputs: number, options: Parameters<typeof conv2d>[3]): Layer4D => {
  const conv = conv2d(name, inputs, outputs, options)
  return define([conv], (w, x) => conv(w, x, { relu: true }))
}

/** Inverted residual: 1 x 1 expansion, depthwise 3 x 3, linear 1 x 1 projection; added to its input where that fits. */
function invertedResidual(name: string, inputs: number, outputs: number, stride: number): Layer4D {
  const hidden = expansion * inputs
  const branch = sequence(
    convRelu(`${name}.expand`, inputs, hidden, { kernel: 1 }),
    depthwise(`${name}.depthwise`, hidden, 3, { stride, relu: true }),
    conv2d(`${name}.project`, hidden, outputs, { kernel: 1 }),
  )
  return stride === 1 && inputs === outputs ? define([branch], (w, x) => tf.add(x, branch(w, x))) : branch
}

function group(index: number): Layer4D {
  const [channels, count, stride] = groups[index]!
  const before = index === 0 ? stemChannels : groups[index - 1]![0]
  return sequence(
    ...Array.from({ length: count }, (_, i) =>
      i === 0
        ? invertedResidual(`groups.${index}.${i}`, before, channels, stride)
        : invertedResidual(`groups.${index}.${i}`, channels, channels, 1),
    ),
  )
}

/** torch.nn.ConvTranspose2d of kernel 2 and stride 2, then ReLU: [n, h, w, c] -> [n, 2h, 2w, c]. */
function upsample(name: string): Layer4D {
  const conv = convRelu(name, pyramid, 4 * pyramid, { kernel: 1 })
  return define([conv], (w, x) => {
    const [n, h, width, c] = x.shape
    // Channels are (row, column, channel) of a block. On wasm this is many times faster than `depthToSpace`.
    const rows = tf.split(conv(w, x), 2, 3).map(row => tf.reshape(row, [n * h, 1, 2 * width * c]))
    return tf.reshape(tf.concat(rows, 1), [n, 2 * h, 2 * width, c])
  })
}

/**
 * The network: [n, h, w, 3] in 0..255, h and w multiples of 32 -> [n, h / 4, w / 4, 15] with, in each cell,
 * the logit of a face's centre there, the logarithms of the box's height and width in strides, the centre's offset in y and x
 * in strides, and five landmarks (left eye, right eye, nose, left and right corner of the mouth as seen in the picture), y and x
 * each, relative to the box.
 */
export function centerFace(): Module<[tf.Tensor4D], tf.Tensor4D> {
  const stem = sequence(
    convRelu('stem', 3, 32, { stride: 2, padding: 1 }),
    depthwise('stem_depthwise', 32, 3, { relu: true }),
    conv2d('stem_project', 32, stemChannels, { kernel: 1 }),
  )
  const backbone = groups.map((_, i) => group(i))
  const lateral = levels.map(index => convRelu(`lateral.${index}`, groups[index]![0], pyramid, { kernel: 1 }))
  const up = levels.slice(0, -1).map(index => upsample(`up.${index}`))
  const smooth = convRelu('smooth', pyramid, pyramid, {})
  const head = conv2d('head', pyramid, headChannels, { kernel: 1 })
  const topDown = lateral.flatMap((layer, i) => [layer, ...(up[i] ? [up[i]] : [])])
  return define([stem, ...backbone, ...topDown, smooth, head], (w, x) =>
    tf.tidy(() => {
      const features: tf.Tensor4D[] = []
      let y = stem(w, x)
      for (const layer of backbone) {
        y = layer(w, y)
        features.push(y)
      }
      const [coarsest, ...finer] = levels.map((index, i) => lateral[i]!(w, features[index]!))
      const sum = finer.reduce((sum, each, i) => tf.add(up[i]!(w, sum), each), coarsest!)
      return head(w, smooth(w, sum))
    }),
  )
}
