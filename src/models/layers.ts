/**
 * The layers that every network here is made of. Tensors are NHWC or [n, tokens, channels]; parameter names and shapes
 * are PyTorch's. Letters: n batch, h w height and width, c channels, t tokens, g groups.
 */
import * as tf from '@tensorflow/tfjs'
import { define, type Module, weight } from './module.ts'
import { affine, convolution, type Ending } from './ops/affine.ts'
import {
  groupNorm as groupNormOp,
  groupNormSilu as groupNormSiluOp,
  layerNorm as layerNormOp,
} from './ops/normalization.ts'

export type Layer4D = Module<[tf.Tensor4D], tf.Tensor4D>
export type Layer = Module<[tf.Tensor], tf.Tensor>
/** A layer that can take what follows it into the same operation. */
export type Conv2d = Module<[x: tf.Tensor4D, ending?: Ending], tf.Tensor4D>
/** A layer that can add a tensor of its output's shape in the same operation. */
export type Linear = Module<[x: tf.Tensor, addend?: tf.Tensor], tf.Tensor>

export interface Conv2dOptions {
  /** A side, or height and width. */
  kernel?: number | readonly [number, number]
  stride?: number
  /** Zeros added [before, after] height and width alike; a number means both. Default keeps the size at stride 1. */
  padding?: number | readonly [number, number]
  bias?: boolean
}

/** torch.nn.Conv2d on NHWC: [n, h, w, in] -> [n, h', w', out]. */
export function conv2d(name: string, inputs: number, outputs: number, options: Conv2dOptions = {}): Conv2d {
  const { kernel = 3, stride = 1, bias = true, padding } = options
  const [height, width] = typeof kernel === 'number' ? [kernel, kernel] : kernel
  const around = (side: number): [number, number] => {
    if (typeof padding === 'object') return [...padding]
    const both = padding ?? (side - 1) / 2
    return [both, both]
  }
  const [rows, columns] = [around(height), around(width)]
  const parameters = {
    [`${name}.weight`]: [outputs, inputs, height, width],
    ...(bias && { [`${name}.bias`]: [outputs] }),
  }
  const isSame = ([before, after]: [number, number], side: number) => before === (side - 1) / 2 && after === before
  const keepsSize = stride === 1 && isSame(rows, height) && isSame(columns, width)
  const isPadded = [...rows, ...columns].some(zeros => zeros > 0)
  return define([{ parameters }], (w, x, ending) => {
    const filter = weight<tf.Tensor4D>(w, `${name}.weight`)
    // tfjs-node takes only 'same' and 'valid': other paddings are made explicit.
    const padded = keepsSize || !isPadded ? x : tf.pad(x, [[0, 0], rows, columns, [0, 0]])
    const shift = bias ? weight<tf.Tensor1D>(w, `${name}.bias`) : undefined
    return convolution(padded, filter, { bias: shift, stride, padding: keepsSize ? 'same' : 'valid', ...ending })
  })
}

/** torch.nn.Linear over the last axis: [..., in] -> [..., out]. */
export function linear(name: string, inputs: number, outputs: number, bias = true): Linear {
  const parameters = {
    [`${name}.weight`]: [outputs, inputs],
    ...(bias && { [`${name}.bias`]: [outputs] }),
  }
  return define([{ parameters }], (w, x, addend) =>
    affine(x, weight<tf.Tensor2D>(w, `${name}.weight`), {
      ...(bias && { bias: weight(w, `${name}.bias`) }),
      transposed: true,
      addend,
    }),
  )
}

/** torch.nn.Conv2d of one pixel, kernel 1, on pixels as rows: [r, in] -> [r, out]. */
export function pointwise(name: string, inputs: number, outputs: number): Linear {
  const parameters = { [`${name}.weight`]: [outputs, inputs, 1, 1], [`${name}.bias`]: [outputs] }
  return define([{ parameters }], (w, x, addend) =>
    affine(x, tf.reshape(weight(w, `${name}.weight`), [inputs, outputs]), { bias: weight(w, `${name}.bias`), addend }),
  )
}

/** torch.nn.GroupNorm on NHWC, optionally followed by SiLU in the same pass. */
export function groupNorm(name: string, channels: number, { groups = 32, epsilon = 1e-5, silu = false } = {}): Layer4D {
  const parameters = { [`${name}.weight`]: [channels], [`${name}.bias`]: [channels] }
  const op = silu ? groupNormSiluOp : groupNormOp
  return define([{ parameters }], (w, x) =>
    op(x, weight<tf.Tensor1D>(w, `${name}.weight`), weight<tf.Tensor1D>(w, `${name}.bias`), groups, epsilon),
  )
}

/** torch.nn.LayerNorm over the last axis. */
export function layerNorm(name: string, channels: number, epsilon = 1e-5): Layer {
  const parameters = { [`${name}.weight`]: [channels], [`${name}.bias`]: [channels] }
  return define([{ parameters }], (w, x) =>
    layerNormOp(x, weight(w, `${name}.weight`), weight(w, `${name}.bias`), epsilon),
  )
}

/** torch.nn.Embedding: int32 ids of any shape -> [..., width]. */
export function embedding(name: string, entries: number, width: number): Layer {
  return define([{ parameters: { [`${name}.weight`]: [entries, width] } }], (w, ids) =>
    tf.gather(weight<tf.Tensor2D>(w, `${name}.weight`), ids as tf.Tensor1D),
  )
}

/**
 * Nearest-neighbour upsampling by two: [n, h, w, c] -> [n, 2h, 2w, c]. Columns are doubled, then rows, by concatenation:
 * on wasm `tile` is many times slower.
 */
export function upsample2(x: tf.Tensor4D): tf.Tensor4D {
  const [n, h, w, c] = x.shape
  const rows = tf.reshape(tf.concat([x, x], 3), [n * h, 1, 2 * w * c])
  return tf.reshape(tf.concat([rows, rows], 1), [n, 2 * h, 2 * w, c])
}
