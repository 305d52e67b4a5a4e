/**
 * tfjs-node refuses convolutions padded by a number ("TF Backend supports only 'valid' and 'same' padding"), and the
 * gradients of those padded by a list. The zeros are added here, and the library then sees 'valid'.
 */
import * as tf from '@tensorflow/tfjs'
import { type ConvAttributes, geometry, moveEdges, overrideKernel } from './override.ts'

type Original = (inputs: object, attributes: ConvAttributes) => tf.Tensor4D

/** Wraps the three convolution kernels of `backend`; other paddings pass through untouched. */
export function registerNumericPadding(backend = 'tensorflow'): void {
  wrap<{ x: tf.Tensor4D; filter: tf.Tensor4D }>(
    'Conv2D',
    backend,
    ({ x, filter }, attributes) => geometry(x.shape, filter.shape, attributes),
    ({ x, filter }, { top, bottom, left, right }, original, attributes) =>
      original({ x: moveEdges(x, top, bottom, left, right), filter }, attributes),
  )
  wrap<{ x: tf.Tensor4D; dy: tf.Tensor4D }>(
    'Conv2DBackpropFilter',
    backend,
    ({ x }, attributes) => geometry(x.shape, attributes.filterShape!, attributes),
    ({ x, dy }, { top, bottom, left, right }, original, attributes) =>
      original({ x: moveEdges(x, top, bottom, left, right), dy }, attributes),
  )
  wrap<{ dy: tf.Tensor4D; filter: tf.Tensor4D }>(
    'Conv2DBackpropInput',
    backend,
    ({ filter }, attributes) => geometry(attributes.inputShape!, filter.shape, attributes),
    (inputs, { top, bottom, left, right }, original, attributes) => {
      const [n, h, w, c] = attributes.inputShape!
      const inputShape: [number, number, number, number] = [n, h + top + bottom, w + left + right, c]
      return moveEdges(original(inputs, { ...attributes, inputShape }), -top, -bottom, -left, -right)
    },
  )
}

function wrap<Inputs extends object>(
  name: string,
  backend: string,
  measure: (inputs: Inputs, attributes: ConvAttributes) => tf.backend_util.Conv2DInfo,
  padded: (
    inputs: Inputs,
    padding: tf.backend_util.PadInfo,
    original: Original,
    attributes: ConvAttributes,
  ) => tf.Tensor4D,
): void {
  const { kernelFunc } = tf.getKernel(name, backend)
  overrideKernel<Inputs, ConvAttributes>(name, backend, (inputs, attributes, instance) => {
    const original: Original = (inputs, attrs) =>
      kernelFunc({
        inputs: inputs as tf.NamedTensorInfoMap,
        attrs: attrs as object as tf.NamedAttrMap,
        backend: instance as object,
      }) as tf.Tensor4D
    if (typeof attributes.pad === 'string' || attributes.dataFormat === 'NCHW') return original(inputs, attributes)
    return tf.tidy(() => {
      const { padInfo } = measure(inputs, attributes)
      return padded(inputs, padInfo, original, { ...attributes, pad: 'valid' })
    })
  })
}
