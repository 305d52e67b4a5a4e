/** Matrix products and convolutions with what follows them, each one operation with its gradients in closed form. */
import * as tf from '@tensorflow/tfjs'
import { fused, kernelsBackend } from '../../backend/fused.ts'
import { reluGradient } from './activations.ts'
import { differentiable } from './differentiable.ts'

/**
 * x w + b + a over the last axis.
 * @param x [..., in]
 * @param weight [in, out], or [out, in] when `transposed`
 * @param bias [out]
 * @param addend [..., out]
 * @returns [..., out]
 */
export function affine(
  x: tf.Tensor,
  weight: tf.Tensor2D,
  { bias, transposed = false, addend }: { bias?: tf.Tensor; transposed?: boolean; addend?: tf.Tensor } = {},
): tf.Tensor {
  const [inputs, outputs] = transposed ? [weight.shape[1], weight.shape[0]] : weight.shape
  const outer = x.shape.slice(0, -1)
  const kernelOf = (transposed: boolean) =>
    2 * x.size * outputs <= worthHere()[transposed ? 'transposed' : 'plain'] ? fused('Affine') : undefined
  const kernel = kernelOf(transposed)
  /** Without bias and addend. */
  const product = (x: tf.Tensor, weight: tf.Tensor, transposed: boolean, width: number) => {
    const kernel = kernelOf(transposed)
    if (kernel) return kernel({ x, weight, bias: x, addend: x }, { transposed, biased: false, added: false })[0]!
    const y = tf.matMul(rows(x), weight as tf.Tensor2D, false, transposed)
    return x.rank === 2 ? y : tf.reshape(y, [...outer, width])
  }
  return differentiable(
    { x, weight, ...(bias && { bias }), ...(addend && { addend }) },
    save => {
      save([x, weight])
      if (kernel) {
        const options = { transposed, biased: bias !== undefined, added: addend !== undefined }
        return kernel({ x, weight, bias: bias ?? x, addend: addend ?? x }, options)[0]!
      }
      return plus(product(x, weight, transposed, outputs), bias, addend)
    },
    (dy, [x, weight]) => ({
      x: () => product(dy, weight!, !transposed, inputs),
      weight: () => {
        const [a, b] = transposed ? [rows(dy), rows(x!)] : [rows(x!), rows(dy)]
        return tf.matMul(a, b, true)
      },
      bias: () => sumOverRows(dy),
      addend: () => dy.clone(),
    }),
  )
}

/**
 * Where our kernels are faster than the backend's own, which pack weights first and add bias and addend in passes of their own,
 * but may multiply faster once they do. `plain` and `transposed`: up to so many floating-point operations, two for a
 * multiplication; plain are convolutions of stride 1, their input gradients, and products, others are of a transposed weight.
 * Strided convolutions are ours at any size. `lanes`: outputs that are computed at once.
 *
 * `tensorflow`, measured in turns on one core of an EPYC 9004, shapes of faces-128 and dlib in batches of 1 to 32; our time over
 * the library's: convolutions 0.4 to 1.0 below 60 million operations, 0.6 to 1.2 around 80, 0.9 to 1.3 above; products at most
 * 1.01 up to 200, with a transposed weight 0.6 to 1.06 below 25 and 0.9 to 1.4 above. `wasm`: 0.6 to 0.8 at any size.
 */
const worth: Readonly<Record<string, { plain: number; transposed: number; lanes: number }>> = {
  tensorflow: { plain: 80e6, transposed: 25e6, lanes: 16 },
  wasm: { plain: Number.POSITIVE_INFINITY, transposed: Number.POSITIVE_INFINITY, lanes: 1 },
}
const worthHere = () => worth[kernelsBackend()] ?? worth.tensorflow!

/** What follows a convolution and its bias. */
export interface Ending {
  /** Added: of the output's shape, or [n, out] for all pixels. */
  addend?: tf.Tensor
  /** Then 0 takes the place of what is below it. */
  relu?: boolean
}

export interface ConvolutionOptions extends Ending {
  /** [out]. */
  readonly bias?: tf.Tensor1D | undefined
  /** 1 by default. */
  readonly stride?: number
  /** 'same' by default. */
  readonly padding?: 'same' | 'valid'
}

/**
 * Cross-correlation with a filter.
 * @param x [n, h, w, in]
 * @param filter [kh, kw, in, out]
 * @returns [n, h', w', out]
 */
export function convolution(
  x: tf.Tensor4D,
  filter: tf.Tensor4D,
  { bias, stride = 1, padding = 'same', addend, relu = false }: ConvolutionOptions = {},
): tf.Tensor4D {
  const [height, width, inputs, outputs] = filter.shape
  // One pixel at a time it is a product of matrices, whose gradients are many times faster than a convolution's.
  if (height === 1 && width === 1 && stride === 1 && !relu && (!addend || addend.rank === 4))
    return affine(x, tf.reshape(filter, [inputs, outputs]), { bias, addend }) as tf.Tensor4D
  const { plain, lanes } = worthHere()
  // A library's bias and relu are passes of their own, which take longer than a product with one pixel.
  const isShallow = relu && height === 1 && width === 1
  const isFew = isShallow || stride > 1 || 2 * x.size * height * width * outputs <= plain
  const kernel = isFew && outputs >= lanes ? fused('Convolution') : undefined
  const gradient = isFew && outputs % lanes === 0 ? fused('ConvolutionGradient') : undefined
  const geometry = { stride, same: padding === 'same' }
  return differentiable(
    { x, filter, ...(bias && { bias }), ...(addend && { addend }) },
    save => {
      const forward = () => {
        if (kernel) {
          const options = { ...geometry, relu, biased: bias !== undefined, added: addend !== undefined }
          return kernel({ x, filter, bias: bias ?? x, addend: addend ?? x }, options)[0] as tf.Tensor4D
        }
        const y = tf.fused.conv2d({ x, filter, strides: stride, pad: padding, bias })
        const sum = addend ? tf.add(y, addend.rank === 2 ? overPixels(addend) : addend) : y
        return (relu ? tf.relu(sum) : sum) as tf.Tensor4D
      }
      const y = forward()
      save(relu ? [x, filter, y] : [x, filter])
      return y
    },
    (dy, [x, filter, y]) => {
      const [, height, width] = x!.shape as tf.Tensor4D['shape']
      /** The gradient behind the relu. */
      const behind = () => (y ? reluGradient(dy, y) : dy) as tf.Tensor4D
      return {
        x: () => {
          if (gradient) {
            const options = { ...geometry, relu: y !== undefined, height, width }
            return gradient({ dy, filter: filter!, y: y ?? dy }, options)[0]!
          }
          const shape = x!.shape as tf.Tensor4D['shape']
          return tf.conv2dTranspose(behind(), filter as tf.Tensor4D, shape, stride, padding)
        },
        filter: () =>
          tf
            .engine()
            .runKernel(
              tf.Conv2DBackpropFilter,
              { x: x!, dy: behind() },
              { strides: stride, pad: padding, dataFormat: 'NHWC', filterShape: filter!.shape },
            ),
        bias: () => sumOverRows(behind()),
        addend: () => (addend!.rank === 2 ? tf.sum(behind(), [1, 2]) : behind().clone()),
      }
    },
  )
}

/** [n, c] -> [n, 1, 1, c]. */
const overPixels = (t: tf.Tensor): tf.Tensor => tf.reshape(t, [t.shape[0]!, 1, 1, t.shape[1]!])

const plus = (y: tf.Tensor, ...addends: (tf.Tensor | undefined)[]): tf.Tensor =>
  addends.reduce<tf.Tensor>((sum, addend) => (addend ? tf.add(sum, addend) : sum), y)

/** [..., c] -> [r, c]. */
const rows = (x: tf.Tensor): tf.Tensor2D => (x.rank === 2 ? x : tf.reshape(x, [-1, x.shape.at(-1)!])) as tf.Tensor2D

/** Sum over all axes but the last: [..., c] -> [c]. */
export const sumOverRows = (x: tf.Tensor): tf.Tensor1D => tf.sum(x, x.shape.slice(0, -1).map((_, axis) => axis)) // biome-ignore format: one line
