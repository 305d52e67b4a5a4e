/**
 * MediaPipe's iris network (Ablavatski et al., arXiv 2006.11341; Apache-2.0) on the weights that @vladmandic/human carries, in
 * operations that differentiate on every backend. Tensors keep that graph's names. Letters: n eyes, h w height and width, c
 * channels.
 */
import * as tf from '@tensorflow/tfjs'
import { define, type Module, type Weights, weight } from './module.ts'
import { frozenPrelu } from './ops/activations.ts'
import { convolution, type Ending } from './ops/affine.ts'
import { depthwiseConv2dSame } from './ops/depthwise.ts'

/** Side of the picture of an eye that it looks at. */
export const irisSide = 64

const prefix = 'StatefulPartitionedCall/model/'

/** What the network finds in pictures of an eye, in pixels of the picture, x and y (their depth is left out). */
export interface EyePoints {
  /**
   * [n, 71, 2]. The first sixteen are the outline of the eye: from the outer corner, 0, along the lower lid to the inner
   * corner, 8, and the upper lid, 9 to 15, from the outer corner to the inner one.
   */
  readonly contour: tf.Tensor3D
  /** [n, 5, 2]: the centre of the iris and four points of its edge, of which 1 and 3 are left and right. */
  readonly iris: tf.Tensor3D
}

type Layer = Module<[x: tf.Tensor4D, ending?: Ending], tf.Tensor4D>

/** The i-th convolution with a bias, of square kernels without padding. */
function conv(i: number, kernel: number, inputs: number, outputs: number, stride = 1): Layer {
  const name = `${prefix}conv2d${suffix(i)}`
  const parameters = {
    [`${name}/Conv2D_weights`]: [kernel, kernel, inputs, outputs],
    [`${name}/Conv2D_bn_offset`]: [outputs],
  }
  return define([{ parameters }], (w, x, ending) => {
    const [filter, bias] = [weight(w, `${name}/Conv2D_weights`), weight(w, `${name}/Conv2D_bn_offset`)]
    return convolution(x, filter as tf.Tensor4D, { bias: bias as tf.Tensor1D, stride, padding: 'valid', ...ending })
  })
}

/** x where positive, a slope a channel times x elsewhere. */
function prelu(i: number, channels: number): Layer {
  const name = `${prefix}p_re_lu${suffix(i)}/Neg`
  return define([{ parameters: { [name]: [1, 1, channels] } }], (w, x) => frozenPrelu(x, weight(w, name)))
}

function depthwise(name: string, channels: number): Layer {
  return define([{ parameters: { [name]: [3, 3, channels, 1] } }], (w, x) => depthwiseConv2dSame(x, weight(w, name)))
}

const suffix = (i: number) => (i === 0 ? '' : `_${i}`)

/**
 * prelu(x + narrow, depthwise, wide), or at half the size of its maxima, filled up with zero channels.
 * @param i number of its first convolution and rectifier; it has two of each
 * @param filter name of the depthwise filter
 */
function bottleneck(
  i: number,
  filter: string,
  {
    inputs,
    middle,
    outputs,
    down = false,
  }: { readonly inputs: number; readonly middle: number; readonly outputs: number; readonly down?: boolean },
): Layer {
  const narrow = down ? conv(i, 2, inputs, middle, 2) : conv(i, 1, inputs, middle)
  const wide = conv(i + 1, 1, middle, outputs)
  const [first, second] = [prelu(i, middle), prelu(i + 1, outputs)]
  const spatial = depthwise(filter, middle)
  return define([narrow, wide, first, second, spatial], (w, x) => {
    const pooled = down ? tf.maxPool(x, 2, 2, 'valid') : x
    const missing: [number, number][] = [[0, 0], [0, 0], [0, 0], [0, outputs - inputs]] // biome-ignore format: one line
    const shortcut = outputs > inputs ? (tf.pad(pooled, missing) as tf.Tensor4D) : pooled
    return second(w, wide(w, spatial(w, first(w, narrow(w, x))), { addend: shortcut }))
  })
}

/** Six bottlenecks from 8 x 8 to 2 x 2, two of them downward, and a convolution to so many values an eye. */
function branch(i: number, filters: readonly number[], head: readonly [string, string], outputs: number) {
  const blocks = filters.map((filter, k) =>
    bottleneck(i + 2 * k, `unknown_${filter}`, { inputs: 128, middle: 64, outputs: 128, down: k === 2 || k === 5 }),
  )
  const [filter, bias] = head
  const parameters = { [filter]: [2, 2, 128, outputs], [bias]: [outputs] }
  return define([...blocks, { parameters }], (w: Weights, x: tf.Tensor4D) => {
    const y = blocks.reduce((y, block) => block(w, y), x) // [n, 2, 2, 128]
    return convolution(y, weight(w, filter), { bias: weight(w, bias), padding: 'valid' })
  })
}

/** The network: eyes [n, 64, 64, 3] in 0..1 -> points of contour and iris. */
export function irisNet(): Module<[tf.Tensor4D], EyePoints> {
  const stem = conv(0, 3, 3, 64, 2)
  const first = prelu(0, 64)
  const trunk = [
    ...[12, 25, 38, 51].map((filter, k) =>
      bottleneck(1 + 2 * k, `unknown_${filter}`, { inputs: 64, middle: 32, outputs: 64 }),
    ), // 32 x 32
    bottleneck(9, 'unknown_64', { inputs: 64, middle: 64, outputs: 128, down: true }), // 16 x 16
    ...[77, 90, 103, 116].map((filter, k) =>
      bottleneck(11 + 2 * k, `unknown_${filter}`, { inputs: 128, middle: 64, outputs: 128 }),
    ),
    bottleneck(19, 'unknown_129', { inputs: 128, middle: 64, outputs: 128, down: true }), // 8 x 8
  ]
  const contour = branch(21, [149, 175, 201, 227, 253, 279, 305, 331], ['unknown_344', 'unknown_345'], 213)
  const iris = branch(37, [148, 174, 200, 226, 252, 278, 304, 330], ['unknown_346', 'unknown_347'], 15)
  return define([stem, first, ...trunk, contour, iris], (w, x) => {
    // TensorFlow's 'same' at stride 2 on an even side: one zero after the end.
    const padded = tf.pad(x, [[0, 0], [0, 1], [0, 1], [0, 0]]) // biome-ignore format: one line
    const y = trunk.reduce((y, block) => block(w, y), first(w, stem(w, padded)))
    const points = (values: tf.Tensor4D) =>
      tf.slice(tf.reshape(values, [x.shape[0], -1, 3]) as tf.Tensor3D, [0, 0, 0], [-1, -1, 2]) as tf.Tensor3D
    return { contour: points(contour(w, y)), iris: points(iris(w, y)) }
  })
}

/** The network over its weights. */
export function irisReader(weights: Weights): (eyes: tf.Tensor4D) => EyePoints {
  const net = irisNet()
  return eyes => tf.tidy(() => net(weights, eyes) as unknown as tf.TensorContainer) as unknown as EyePoints
}
