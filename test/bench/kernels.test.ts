import * as tf from '@tensorflow/tfjs'
import { expect, test } from 'vitest'
import { timeKernels } from '../../bench/kernels.ts'
import { useBackend } from '../../src/backend/index.ts'

test('every kernel is counted with its own time and operations, and left as it was', async () => {
  await useBackend('wasm')
  const x = tf.randomNormal([1, 16, 16, 8]) as tf.Tensor4D
  const filter = tf.randomNormal([3, 3, 8, 4]) as tf.Tensor4D
  const kernel = tf.getKernel('Conv2D', 'wasm')
  const work = () => void tf.grad(x => tf.sum(tf.conv2d(x as tf.Tensor4D, filter, 1, 'same')))(x)
  const times = timeKernels(() => tf.tidy(work))
  expect(tf.getKernel('Conv2D', 'wasm')).toBe(kernel)
  const of = (name: string) => times.find(({ kernel }) => kernel === name)!
  expect(of('Conv2D')).toMatchObject({ calls: 1, operations: 2 * 256 * 4 * 72 })
  expect(of('Conv2DBackpropInput')).toMatchObject({ calls: 1, operations: 2 * 256 * 4 * 72 })
  for (const { seconds } of times) expect(seconds).toBeGreaterThanOrEqual(0)
  expect(times.map(({ seconds }) => seconds)).toEqual(times.map(({ seconds }) => seconds).toSorted((a, b) => b - a))
})
