import * as tf from '@tensorflow/tfjs'
import { beforeAll, describe, expect, it } from 'vitest'
import { useBackend } from '../../../src/backend/index.ts'
import { depthwiseConv2d, depthwiseConv2dSame } from '../../../src/models/ops/depthwise.ts'
import { adaptiveAveragePool, cropResize } from '../../../src/models/recognizers/recognizer.ts'

const whole = { left: 0, top: 0, right: 1, bottom: 1 }
const ramp = (size: number) => tf.reshape(tf.range(0, size * size), [1, size, size, 1]) as tf.Tensor4D

describe.each(['wasm', 'cpu'] as const)('on %s', backend => {
  beforeAll(() => useBackend(backend))

  it('the whole image at its own size is itself', async () => {
    expect(await cropResize(ramp(4), whole, 4).array()).toEqual(await ramp(4).array())
  })

  it('a crop on pixel borders is a slice, and beyond the image its edge is repeated', async () => {
    const crop = cropResize(ramp(4), { left: 0.5, top: 0.5, right: 1.5, bottom: 1.5 }, 4)
    expect([...(await crop.data())]).toEqual([10, 11, 11, 11, 14, 15, 15, 15, 14, 15, 15, 15, 14, 15, 15, 15])
  })

  it('shrinks with the triangle filter of Pillow', async () => {
    // An output pixel is two wide: the taps at 0.5 and 1.5 from its centre weigh 3/8 and 1/8.
    const impulse = tf.tensor4d([0, 1, 0, 0], [1, 1, 4, 1]).tile([1, 4, 1, 1]) as tf.Tensor4D
    const [left, right] = await cropResize(impulse, whole, 2).data()
    expect(left).toBeCloseTo(3 / 8, 6)
    expect(right).toBeCloseTo(1 / 8, 6)
  })

  it('pools as torch.nn.AdaptiveAvgPool2d', async () => {
    const x = tf.tensor4d([0, 1, 2, 3, 4], [1, 1, 5, 1]).tile([1, 5, 1, 1]) as tf.Tensor4D
    expect((await adaptiveAveragePool(x, 3).data()).slice(0, 3)).toEqual(Float32Array.of(0.5, 2, 3.5))
  })

  it('has the gradient of finite differences', async () => {
    const rectangle = { left: 0.1, top: -0.1, right: 0.9, bottom: 0.8 }
    const x = tf.randomUniform([2, 6, 6, 2], -1, 1, 'float32', 7) as tf.Tensor4D
    const direction = tf.randomUniform([2, 6, 6, 2], -1, 1, 'float32', 8) as tf.Tensor4D
    for (const size of [3, 9]) {
      const loss = (x: tf.Tensor) => tf.sum(tf.square(cropResize(x as tf.Tensor4D, rectangle, size))) as tf.Scalar
      expectSlope(loss, x, direction)
    }
  })

  it('depthwise convolution of the same size is that of the padded picture', async () => {
    const x = tf.randomUniform([2, 5, 6, 3], -1, 1, 'float32', 12) as tf.Tensor4D
    const filter = tf.randomUniform([3, 3, 3, 1], -1, 1, 'float32', 13) as tf.Tensor4D
    const around: [number, number][] = [0, 1, 1, 0].map(zeros => [zeros, zeros])
    const bias = tf.tensor1d([0.5, -0.25, 0])
    for (const stride of [1, 2]) {
      const padded = depthwiseConv2d(tf.pad(x, around), filter, stride)
      const pairs = [
        [depthwiseConv2dSame(x, filter, { stride }), padded],
        [depthwiseConv2dSame(x, filter, { stride, bias, relu: true }), tf.relu(tf.add(padded, bias))],
      ] as const
      for (const [same, expected] of pairs) {
        expect(same.shape).toEqual([2, Math.ceil(5 / stride), Math.ceil(6 / stride), 3])
        expect((await tf.max(tf.abs(tf.sub(same, expected))).data())[0]).toBeLessThan(1e-6)
      }
    }
  })

  it('depthwise convolution has the gradient of finite differences', () => {
    for (const [kernel, stride, size] of [
      [3, 1, 6],
      [3, 2, 7],
      [3, 2, 8],
      [5, 1, 5],
    ] as const) {
      const filter = tf.randomUniform([kernel, kernel, 3, 1], -1, 1, 'float32', 9) as tf.Tensor4D
      const x = tf.randomUniform([2, size, size, 3], -1, 1, 'float32', 10)
      const direction = tf.randomUniform([2, size, size, 3], -1, 1, 'float32', 11)
      const convolutions = [(x: tf.Tensor4D) => depthwiseConv2d(x, filter, stride)]
      convolutions.push(x => depthwiseConv2dSame(x, filter, { stride }))
      for (const convolve of convolutions) {
        expectSlope(x => tf.sum(tf.square(convolve(x as tf.Tensor4D))) as tf.Scalar, x, direction)
      }
    }
  })
})

/** For a quadratic loss the central difference is exact but for rounding. */
function expectSlope(loss: (x: tf.Tensor) => tf.Scalar, x: tf.Tensor, direction: tf.Tensor): void {
  const slope = tf.sum(tf.mul(tf.grad(loss)(x), direction)).dataSync()[0]!
  const at = (step: number) => loss(tf.add(x, tf.mul(direction, step))).dataSync()[0]!
  expect(Math.abs((at(0.5) - at(-0.5)) / slope - 1)).toBeLessThan(1e-4)
}
