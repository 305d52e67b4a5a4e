import * as tf from '@tensorflow/tfjs'
import { beforeAll, expect, it } from 'vitest'
import { registerUnsortedSegmentSum } from '../../../src/backend/defects/wasm-unsorted-segment-sum.ts'
import { noise, on, relativeError, useRawWasm } from './on-backend.ts'

/** The gradient of a lookup of rows, some of them twice. */
const gatherGradient = () => {
  const ids = tf.tensor2d([2, 0, 2, 3, 1, 2], [2, 3], 'int32')
  return tf.grad(table => {
    const rows = tf.gather(table, ids as tf.Tensor)
    return tf.sum(tf.mul(rows, noise(rows.shape, 3)))
  })(tf.reshape(noise([5, 4, 1, 1]), [5, 4]))
}

beforeAll(useRawWasm)

it('the raw wasm backend has no gradient of gather', async () => {
  await expect(on('wasm', gatherGradient)).rejects.toThrow(/UnsortedSegmentSum/)
})

it('with the workaround it is that of the cpu backend', async () => {
  registerUnsortedSegmentSum()
  expect(relativeError(await on('wasm', gatherGradient), await on('cpu', gatherGradient))).toBeLessThan(1e-6)
})

it('drops ids outside the segments', async () => {
  registerUnsortedSegmentSum()
  const compute = () => tf.unsortedSegmentSum(tf.tensor2d([[1], [2], [4], [8]]), tf.tensor1d([1, -1, 2, 1], 'int32'), 2)
  expect([...(await on('wasm', compute)).data]).toEqual([0, 9])
})
