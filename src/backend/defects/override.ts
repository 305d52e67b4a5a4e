import * as tf from '@tensorflow/tfjs'

/** What a kernel of `Name` computes on a backend: tensors in and attributes to one tensor. */
export type Kernel<Inputs, Attributes> = (inputs: Inputs, attributes: Attributes, backend: unknown) => tf.TensorInfo

/** Registers `kernel` in place of whatever `backend` had under that name; operations in it are not recorded on tapes. */
export function overrideKernel<Inputs, Attributes>(
  kernelName: string,
  backendName: string,
  kernel: Kernel<Inputs, Attributes>,
): void {
  const original = tf.getKernel(kernelName, backendName)
  if (original) tf.unregisterKernel(kernelName, backendName)
  tf.registerKernel({
    ...original,
    kernelName,
    backendName,
    kernelFunc: ({ inputs, attrs, backend }) => kernel(inputs as Inputs, attrs as Attributes, backend),
  })
}

type Shape4D = [number, number, number, number]

export interface ConvAttributes {
  strides: number | [number, number]
  pad: 'same' | 'valid' | number | tf.backend_util.ExplicitPadding
  dataFormat?: 'NHWC' | 'NCHW'
  dilations?: number | [number, number]
  dimRoundingMode?: 'floor' | 'round' | 'ceil'
  /** Of input gradients. */
  inputShape?: Shape4D
  /** Of filter gradients. */
  filterShape?: Shape4D
}

/** Sizes, strides and padding of a convolution of `input` NHWC by `filter`. */
export function geometry(
  input: readonly number[],
  filter: readonly number[],
  attributes: ConvAttributes,
  depthwise = false,
): tf.backend_util.Conv2DInfo {
  const { strides, pad, dataFormat = 'NHWC', dilations, dimRoundingMode } = attributes
  if (dataFormat !== 'NHWC') throw new Error(`convolution: expected NHWC, got ${dataFormat}`)
  const shapes = [input, filter] as [Shape4D, Shape4D]
  return tf.backend_util.computeConv2DInfo(...shapes, strides, dilations ?? 1, pad, dimRoundingMode, depthwise)
}

/**
 * Moves the edges of height and width of [n, h, w, c]: zeros are added where an amount is positive, rows or columns cut
 * where it is negative.
 */
export function moveEdges(x: tf.Tensor4D, top: number, bottom: number, left: number, right: number): tf.Tensor4D {
  const [n, h, w, c] = x.shape
  const cut = (edge: number) => Math.max(0, -edge)
  const grow = (edge: number) => Math.max(0, edge)
  const kept = tf.slice(x, [0, cut(top), cut(left), 0], [n, h - cut(top) - cut(bottom), w - cut(left) - cut(right), c])
  return tf.pad(kept, [
    [0, 0],
    [grow(top), grow(bottom)],
    [grow(left), grow(right)],
    [0, 0],
  ])
}

/** Puts stride - 1 zeros behind each row and column: [n, h, w, c] -> [n, h * sh, w * sw, c]. */
export function insertZeros(x: tf.Tensor4D, strideHeight: number, strideWidth: number): tf.Tensor4D {
  if (strideHeight === 1 && strideWidth === 1) return x
  const [n, h, w, c] = x.shape
  // One axis at a time: tfjs pads tensors of up to four axes on every backend.
  const columns = tf.pad(tf.reshape(x, [n * h * w, 1, c]), [
    [0, 0],
    [0, strideWidth - 1],
    [0, 0],
  ])
  const rows = tf.pad(tf.reshape(columns, [n * h, 1, w * strideWidth * c]), [
    [0, 0],
    [0, strideHeight - 1],
    [0, 0],
  ])
  return tf.reshape(rows, [n, h * strideHeight, w * strideWidth, c])
}

/** The filter turned by 180 degrees: [kh, kw, a, b] with both spatial axes reversed. */
export function turn(filter: tf.Tensor4D): tf.Tensor4D {
  const [kh, kw, a, b] = filter.shape
  // Contiguous rows joined in reverse order: on wasm tf.reverse and tf.gather take as long as the convolution itself.
  const rows = tf.split(tf.reshape(filter, [kh * kw, a * b]), kh * kw)
  return tf.reshape(tf.concat(rows.reverse()), [kh, kw, a, b])
}
