/**
 * The Inception network of 2015 (Szegedy et al., arXiv 1512.00567) whose features FID is defined on, with the parameter
 * names of pytorch-fid's `pt_inception-2015-12-05-6726825d.pth`. It differs from later ones in its pooling: averages leave
 * the padding out, and the last block takes the maximum. Evaluation mode. Letters: n pictures, c channels.
 */
import * as tf from '@tensorflow/tfjs'
import { type Conv2dOptions, conv2d, type Layer4D } from './layers.ts'
import { define, type Module } from './module.ts'
import { halfPixelBilinear, type Matrix, pillowBicubic, resample, tensorflow1Bilinear } from './ops/resample.ts'
import { batchNorm, sequence } from './recognizers/parts.ts'

/** Side of the network's input. */
const inputSize = 299

/** Convolution without padding unless asked for, batch normalisation, rectifier. */
function block(name: string, inputs: number, outputs: number, options: Conv2dOptions): Layer4D {
  const layers = sequence(
    conv2d(`${name}.conv`, inputs, outputs, { bias: false, ...options }),
    batchNorm(`${name}.bn`, outputs, 1e-3),
  )
  return define([layers], (w, x) => tf.relu(layers(w, x)))
}

/** Every branch of the same input, their channels one after another. */
const branches = (...parts: Layer4D[]): Layer4D =>
  define(parts, (w, x) =>
    tf.concat(
      parts.map(part => part(w, x)),
      3,
    ),
  )

const layer = (forward: (x: tf.Tensor4D) => tf.Tensor4D): Layer4D => define([], (_, x) => forward(x))
const averagePool = layer(x => tf.avgPool(x, 3, 1, 'same')) // tfjs counts no padding
const maxPool = layer(x => tf.maxPool(x, 3, 1, 'same'))
const maxPoolHalf = layer(x => tf.maxPool(x, 3, 2, 'valid'))

const one = { kernel: 1 } as const
const half = { kernel: 3, stride: 2, padding: 0 } as const
const wide = (side: number) => ({ kernel: [1, side] }) as const
const high = (side: number) => ({ kernel: [side, 1] }) as const

function inceptionA(name: string, inputs: number, pooled: number): Layer4D {
  return branches(
    block(`${name}.branch1x1`, inputs, 64, one),
    sequence(block(`${name}.branch5x5_1`, inputs, 48, one), block(`${name}.branch5x5_2`, 48, 64, { kernel: 5 })),
    sequence(
      block(`${name}.branch3x3dbl_1`, inputs, 64, one),
      block(`${name}.branch3x3dbl_2`, 64, 96, { kernel: 3 }),
      block(`${name}.branch3x3dbl_3`, 96, 96, { kernel: 3 }),
    ),
    sequence(averagePool, block(`${name}.branch_pool`, inputs, pooled, one)),
  )
}

function inceptionB(name: string, inputs: number): Layer4D {
  return branches(
    block(`${name}.branch3x3`, inputs, 384, half),
    sequence(
      block(`${name}.branch3x3dbl_1`, inputs, 64, one),
      block(`${name}.branch3x3dbl_2`, 64, 96, { kernel: 3 }),
      block(`${name}.branch3x3dbl_3`, 96, 96, half),
    ),
    maxPoolHalf,
  )
}

function inceptionC(name: string, inputs: number, hidden: number): Layer4D {
  return branches(
    block(`${name}.branch1x1`, inputs, 192, one),
    sequence(
      block(`${name}.branch7x7_1`, inputs, hidden, one),
      block(`${name}.branch7x7_2`, hidden, hidden, wide(7)),
      block(`${name}.branch7x7_3`, hidden, 192, high(7)),
    ),
    sequence(
      block(`${name}.branch7x7dbl_1`, inputs, hidden, one),
      block(`${name}.branch7x7dbl_2`, hidden, hidden, high(7)),
      block(`${name}.branch7x7dbl_3`, hidden, hidden, wide(7)),
      block(`${name}.branch7x7dbl_4`, hidden, hidden, high(7)),
      block(`${name}.branch7x7dbl_5`, hidden, 192, wide(7)),
    ),
    sequence(averagePool, block(`${name}.branch_pool`, inputs, 192, one)),
  )
}

function inceptionD(name: string, inputs: number): Layer4D {
  return branches(
    sequence(block(`${name}.branch3x3_1`, inputs, 192, one), block(`${name}.branch3x3_2`, 192, 320, half)),
    sequence(
      block(`${name}.branch7x7x3_1`, inputs, 192, one),
      block(`${name}.branch7x7x3_2`, 192, 192, wide(7)),
      block(`${name}.branch7x7x3_3`, 192, 192, high(7)),
      block(`${name}.branch7x7x3_4`, 192, 192, half),
    ),
    maxPoolHalf,
  )
}

function inceptionE(name: string, inputs: number, pool: Layer4D): Layer4D {
  const fork = (part: string, parts: [string, string]) =>
    branches(
      block(`${name}.${part}_${parts[0]}`, 384, 384, wide(3)),
      block(`${name}.${part}_${parts[1]}`, 384, 384, high(3)),
    )
  return branches(
    block(`${name}.branch1x1`, inputs, 320, one),
    sequence(block(`${name}.branch3x3_1`, inputs, 384, one), fork('branch3x3', ['2a', '2b'])),
    sequence(
      block(`${name}.branch3x3dbl_1`, inputs, 448, one),
      block(`${name}.branch3x3dbl_2`, 448, 384, { kernel: 3 }),
      fork('branch3x3dbl', ['3a', '3b']),
    ),
    sequence(pool, block(`${name}.branch_pool`, inputs, 192, one)),
  )
}

/** The network: [n, 299, 299, 3] in about [-1, 1] -> the features of its last pooling [n, 2048]. */
export function fidInception(): Module<[tf.Tensor4D], tf.Tensor2D> {
  const layers = sequence(
    block('Conv2d_1a_3x3', 3, 32, half), // 149 x 149
    block('Conv2d_2a_3x3', 32, 32, { kernel: 3, padding: 0 }), // 147 x 147
    block('Conv2d_2b_3x3', 32, 64, { kernel: 3 }),
    maxPoolHalf, // 73 x 73
    block('Conv2d_3b_1x1', 64, 80, one),
    block('Conv2d_4a_3x3', 80, 192, { kernel: 3, padding: 0 }), // 71 x 71
    maxPoolHalf, // 35 x 35
    inceptionA('Mixed_5b', 192, 32),
    inceptionA('Mixed_5c', 256, 64),
    inceptionA('Mixed_5d', 288, 64),
    inceptionB('Mixed_6a', 288), // 17 x 17
    inceptionC('Mixed_6b', 768, 128),
    inceptionC('Mixed_6c', 768, 160),
    inceptionC('Mixed_6d', 768, 160),
    inceptionC('Mixed_6e', 768, 192),
    inceptionD('Mixed_7a', 768), // 8 x 8
    inceptionE('Mixed_7b', 1280, averagePool),
    inceptionE('Mixed_7c', 2048, maxPool),
  )
  return define([layers], (w, x) => tf.tidy(() => tf.mean(layers(w, x), [1, 2]) as tf.Tensor2D))
}

/** How an implementation of FID makes a picture of any size the network's input. */
export interface FidResize {
  readonly description: string
  /** Weights of one axis. */
  readonly matrix: (inputs: number, outputs: number) => Matrix
  /** Whether values are cut to 0..255: the cubic kernel overshoots. */
  readonly clips: boolean
  /** From grey levels 0..255 to the network's range: (level - zero) / scale. */
  readonly zero: number
  readonly scale: number
}

/** The three implementations whose values are published, by name. They differ by whole points of FID. */
export const fidResizes = {
  'pytorch-fid': {
    description: 'bilinear, half-pixel centres, no antialiasing',
    matrix: halfPixelBilinear,
    clips: false,
    zero: 127.5,
    scale: 127.5,
  },
  'torch-fidelity': {
    description: "TensorFlow 1's bilinear, no antialiasing",
    matrix: tensorflow1Bilinear,
    clips: false,
    zero: 128,
    scale: 128,
  },
  'clean-fid': {
    description: "Pillow's bicubic, antialiased",
    matrix: pillowBicubic,
    clips: true,
    zero: 128,
    scale: 128,
  },
} as const satisfies Record<string, FidResize>
export type FidResizeName = keyof typeof fidResizes

/** Pictures [n, h, w, 3] in [-1, 1] as the input of the network [n, 299, 299, 3]. */
export function fidInput(pictures: tf.Tensor4D, resize: FidResizeName): tf.Tensor4D {
  const { matrix, clips, zero, scale }: FidResize = fidResizes[resize]
  const [, height, width] = pictures.shape
  return tf.tidy(() => {
    const levels = tf.mul(tf.add(pictures, 1), 127.5) as tf.Tensor4D
    const resized = resample(levels, matrix(height, inputSize), matrix(width, inputSize))
    return tf.div(tf.sub(clips ? tf.clipByValue(resized, 0, 255) : resized, zero), scale)
  })
}
