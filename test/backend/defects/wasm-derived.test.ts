/** What the wasm backend keeps of weights: right for each of them, and gone with them. */
import * as tf from '@tensorflow/tfjs'
import { beforeAll, expect, test } from 'vitest'
import { useBackend } from '../../../src/backend/index.ts'

beforeAll(async () => {
  await useBackend('wasm')
})

/** Blocks of memory that the backend holds, whether tensors have them or not. */
const held = () => (tf.backend() as unknown as { numDataIds(): number }).numDataIds()

const inputGradient = (x: tf.Tensor4D, filter: tf.Tensor4D) =>
  tf.tidy(() => tf.grad(x => tf.sum(tf.square(tf.conv2d(x as tf.Tensor4D, filter, 1, 'same'))))(x))

const values = (x: tf.Tensor) => Array.from(x.dataSync())

test('a gradient is the same the second time, and another one under another filter', () => {
  const x = tf.randomNormal([1, 5, 5, 4], 0, 1, 'float32', 1) as tf.Tensor4D
  const [first, second] = [2, 3].map(seed => tf.randomNormal([3, 3, 4, 6], 0, 1, 'float32', seed) as tf.Tensor4D)
  const once = values(inputGradient(x, first!))
  const doubled = tf.mul(first!, 2) as tf.Tensor4D
  expect(values(inputGradient(x, first!))).toEqual(once)
  expect(values(inputGradient(x, second!))).not.toEqual(once)
  const fourfold = values(inputGradient(x, doubled))
  for (const [i, value] of once.entries()) expect(fourfold[i]).toBeCloseTo(4 * value, 2)
})

test('a product with a transposed weight is the same the second time, whatever shape the weight is seen in', () => {
  const [a, w] = [tf.randomNormal([20, 16]), tf.randomNormal([24, 16])] as [tf.Tensor2D, tf.Tensor2D]
  const expected = values(tf.matMul(a, tf.transpose(w)))
  for (let i = 0; i < 2; i++) expect(values(tf.matMul(a, w, false, true))).toEqual(expected)
  const batched = tf.matMul(tf.reshape(a, [1, 20, 16]), tf.reshape(w, [1, 24, 16]), false, true)
  expect(batched.shape).toEqual([1, 20, 24])
  expect(values(batched)).toEqual(expected)
  // The same values as another matrix.
  const other = tf.reshape(w, [32, 12]) as tf.Tensor2D
  const narrow = tf.randomNormal([20, 12]) as tf.Tensor2D
  const product = values(tf.matMul(narrow, other, false, true))
  const right = values(tf.matMul(narrow, tf.transpose(other)))
  for (const [i, value] of right.entries()) expect(product[i]).toBeCloseTo(value, 4)
})

test('what is kept goes with its weight', () => {
  const before = held()
  const x = tf.randomNormal([1, 5, 5, 4]) as tf.Tensor4D
  const filter = tf.randomNormal([3, 3, 4, 6]) as tf.Tensor4D
  const clone = filter.clone()
  inputGradient(x, filter).dispose()
  filter.dispose()
  inputGradient(x, clone).dispose()
  expect(held()).toBe(before + 3)
  tf.dispose([x, clone])
  expect(held()).toBe(before)
  for (const width of [1, 24]) {
    const [a, w] = [tf.randomNormal([20, 256]), tf.randomNormal([width, 256])] as [tf.Tensor2D, tf.Tensor2D]
    const product = tf.matMul(a, w, false, true)
    const columns = tf.tidy(() => tf.matMul(a, tf.transpose(w)))
    for (const [i, value] of values(columns).entries()) expect(values(product)[i]).toBeCloseTo(value, 3)
    tf.dispose([a, w, product, columns])
  }
  expect(held()).toBe(before)
})

test('a clone shares its values, and keeps them when the original goes', () => {
  const before = held()
  const x = tf.tensor1d([1, 2, 3])
  const clone = x.clone()
  expect(held()).toBe(before + 1)
  x.dispose()
  expect(values(clone)).toEqual([1, 2, 3])
  clone.dispose()
  expect(held()).toBe(before)
})
