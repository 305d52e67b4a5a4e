import * as tf from '@tensorflow/tfjs'
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { freeing } from '../../src/backend/freeing.ts'
import { useBackend } from '../../src/backend/index.ts'

let tensors = 0
beforeAll(async () => {
  await useBackend('cpu')
})
beforeEach(() => {
  tensors = tf.memory().numTensors
  tf.engine().startScope()
})
afterEach(() => {
  tf.engine().endScope()
  expect(tf.memory().numTensors).toBe(tensors)
})

const size = 256
const x = () => tf.linspace(-1, 1, size)
/** Many operations one after the other, with branches that meet and a value that several operations read. */
const deep = (x: tf.Tensor): tf.Tensor =>
  tf.tidy(() => {
    let y = x
    for (let i = 0; i < 20; i++) {
      const [a, b] = tf.split(tf.concat([tf.sin(y), tf.mul(y, x)]), 2) as [tf.Tensor, tf.Tensor]
      y = tf.add(tf.tanh(a), tf.mul(b, 0.5))
    }
    return y
  })

it('gives the same value and gradient, and leaves the cotangent to the caller', () => {
  const cotangent = tf.linspace(1, 2, size)
  for (const dy of [undefined, cotangent]) {
    const plain = tf.valueAndGrad(deep)(x(), dy)
    const { value, grad } = tf.valueAndGrad(freeing(deep))(x(), dy)
    expect([...value.dataSync()]).toEqual([...plain.value.dataSync()])
    expect([...grad.dataSync()]).toEqual([...plain.grad.dataSync()])
  }
  expect(cotangent.isDisposed).toBe(false)
  const identity = freeing((y: tf.Tensor) => tf.clone(y))
  expect([...tf.grad(identity)(x(), cotangent).dataSync()]).toEqual([...cotangent.dataSync()])
})

it('holds a small part at the end of the way back', () => {
  /** Bytes held when the gradient reaches the first operation. */
  const held = (wrap: (f: typeof deep) => typeof deep) => {
    const before = tf.memory().numBytes
    let bytes = 0
    const first = tf.customGrad(x => ({
      value: (x as tf.Tensor).clone(),
      gradFunc: dy => {
        bytes = tf.memory().numBytes - before
        return dy.clone()
      },
    }))
    tf.tidy(() => tf.grad(wrap(x => deep(first(x))))(x()))
    return bytes
  }
  expect(held(freeing)).toBeLessThan(held(f => f) / 5)
})

it('frees nothing that an outer gradient reads', () => {
  const slope = (wrap: typeof freeing) => (x: tf.Tensor) => tf.sum(tf.grad(wrap((y: tf.Tensor) => tf.sum(tf.pow(y, 3))))(x)) // biome-ignore format: one line
  const second = tf.grad(freeing(slope(freeing)))(tf.tensor1d([1, 2, 3]))
  expect([...second.dataSync()]).toEqual([6, 12, 18])
})
