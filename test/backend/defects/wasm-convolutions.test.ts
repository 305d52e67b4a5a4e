import * as tf from '@tensorflow/tfjs'
import { beforeAll, describe, expect, it } from 'vitest'
import {
  registerConv2dBackpropFilter,
  registerConv2dBackpropInput,
  registerDepthwiseBackpropFilter,
  registerDepthwiseBackpropInput,
} from '../../../src/backend/defects/wasm-convolution-gradients.ts'
import { noise, on, relativeError, useRawWasm } from './on-backend.ts'

type Pad = 'same' | 'valid' | number

/** [height, width, kernel, stride, padding]: odd remainders on purpose. */
const cases: [number, number, number, number, Pad][] = [
  [8, 8, 3, 1, 'same'],
  [9, 7, 3, 1, 'valid'],
  [8, 8, 3, 2, 'same'],
  [9, 8, 3, 2, 'valid'],
  [8, 8, 3, 2, 1],
  [8, 7, 1, 2, 'valid'],
  [10, 9, 5, 3, 2],
  [6, 6, 1, 1, 'same'],
]

const shape = (h: number, w: number) => [2, h, w, 4]

/** The gradient of sum(y * sin-like noise) with respect to x or the filter. */
function gradient(
  which: 'x' | 'filter',
  convolve: (x: tf.Tensor4D, filter: tf.Tensor4D) => tf.Tensor,
  x: tf.Tensor4D,
  filter: tf.Tensor4D,
): tf.Tensor {
  const loss = (x: tf.Tensor4D, filter: tf.Tensor4D) => {
    const y = convolve(x, filter)
    return tf.sum(tf.mul(y, noise(y.shape, 7)))
  }
  return which === 'x'
    ? tf.grad(x => loss(x as tf.Tensor4D, filter))(x)
    : tf.grad(filter => loss(x, filter as tf.Tensor4D))(filter)
}

const dense = (which: 'x' | 'filter', h: number, w: number, kernel: number, stride: number, pad: Pad) => () =>
  gradient(which, (x, f) => tf.conv2d(x, f, stride, pad), noise(shape(h, w)), noise([kernel, kernel, 4, 5], 2))

const depthwise = (which: 'x' | 'filter', h: number, w: number, kernel: number, stride: number, pad: Pad) => () =>
  gradient(which, (x, f) => tf.depthwiseConv2d(x, f, stride, pad), noise(shape(h, w)), noise([kernel, kernel, 4, 2], 2))

beforeAll(useRawWasm)

describe('the raw wasm backend', () => {
  it('has no filter gradient of conv2d', async () => {
    await expect(on('wasm', dense('filter', ...cases[0]!))).rejects.toThrow(/Conv2DBackpropFilter/)
  })
  it.each(['x', 'filter'] as const)('has no depthwise gradient with respect to %s', async which => {
    await expect(on('wasm', depthwise(which, ...cases[0]!))).rejects.toThrow(/DepthwiseConv2dNativeBackprop/)
  })
  it('has an input gradient several times slower than a forward convolution', async () => {
    const [x, filter] = [noise([4, 24, 24, 64]), noise([3, 3, 64, 64], 2)]
    const input = () =>
      tf.dispose(
        tf.engine().runKernel('Conv2DBackpropInput', { dy: x, filter }, {
          strides: 1,
          pad: 'same',
          dataFormat: 'NHWC',
          inputShape: x.shape,
        } as object as tf.NamedAttrMap),
      )
    const fastest = () => {
      let best = Number.POSITIVE_INFINITY
      for (let i = 0; i < 5; i++) {
        const start = performance.now()
        input()
        best = Math.min(best, performance.now() - start)
      }
      return best
    }
    const raw = fastest()
    registerConv2dBackpropInput()
    expect(fastest()).toBeLessThan(raw / 1.5)
    tf.dispose([x, filter])
  })
})

describe('the wasm backend with the workarounds', () => {
  beforeAll(() => {
    registerConv2dBackpropFilter()
    registerConv2dBackpropInput()
    registerDepthwiseBackpropFilter()
    registerDepthwiseBackpropInput()
  })

  describe.each(cases)('%i x %i, kernel %i, stride %i, padding %s', (...geometry) => {
    it.each([
      ['conv2d', 'x', dense('x', ...geometry)],
      ['conv2d', 'filter', dense('filter', ...geometry)],
      ['depthwiseConv2d', 'x', depthwise('x', ...geometry)],
      ['depthwiseConv2d', 'filter', depthwise('filter', ...geometry)],
    ])('%s has the gradient of the cpu backend with respect to %s', async (_op, _which, compute) => {
      expect(relativeError(await on('wasm', compute), await on('cpu', compute))).toBeLessThan(2e-6)
    })
  })
})
