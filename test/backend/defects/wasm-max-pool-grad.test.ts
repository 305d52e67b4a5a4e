import * as tf from '@tensorflow/tfjs'
import { beforeAll, expect, it } from 'vitest'
import { registerMaxPoolGrad } from '../../../src/backend/defects/wasm-max-pool-grad.ts'
import { noise, on, relativeError, useRawWasm } from './on-backend.ts'

/** The gradient of a max-pool over values that are all negative. */
const negative = (kernel: number, stride: number, pad: 'same' | 'valid') => () => {
  const x = tf.sub(noise([2, 7, 6, 3]), 2)
  return tf.grad(x => {
    const y = tf.maxPool(x as tf.Tensor4D, kernel, stride, pad)
    return tf.sum(tf.mul(y, noise(y.shape, 5)))
  })(x)
}

beforeAll(useRawWasm)

it('the raw wasm backend drops windows whose maximum is negative', async () => {
  expect(relativeError(await on('wasm', negative(2, 2, 'valid')), await on('cpu', negative(2, 2, 'valid')))).toBe(1)
})

it.each([
  [2, 2, 'valid'],
  [3, 2, 'same'],
  [3, 1, 'same'],
  [1, 2, 'valid'],
] as const)('with the workaround a %i x %i pool of stride %i gets its gradient', async (kernel, stride, pad) => {
  registerMaxPoolGrad()
  const compute = negative(kernel, stride, pad)
  expect(relativeError(await on('wasm', compute), await on('cpu', compute))).toBeLessThan(1e-6)
})

it('gives the gradient to the first of equal values', async () => {
  registerMaxPoolGrad()
  const compute = () => tf.grad(x => tf.sum(tf.maxPool(x as tf.Tensor4D, 2, 2, 'valid')))(tf.fill([1, 2, 2, 1], -3))
  expect([...(await on('wasm', compute)).data]).toEqual([1, 0, 0, 0])
})
