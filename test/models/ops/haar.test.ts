import * as tf from '@tensorflow/tfjs'
import { describe, expect, it } from 'vitest'
import { useBackend } from '../../../src/backend/index.ts'
import { haar, inverseHaar } from '../../../src/models/ops/haar.ts'
import { usableBackends } from '../backends.ts'

describe.each(['cpu' as const, ...usableBackends])('the Haar transform on %s', backend => {
  it('makes a square of pixels of its four bands', async () => {
    await useBackend(backend)
    const pixels = tf.tidy(() => [...inverseHaar(tf.tensor4d([2, 4, 8, 16], [1, 1, 1, 4])).dataSync()])
    // (LL + HL) ± (LH + HH) to the left, (LL - HL) ± (LH - HH) to the right, halved
    expect(pixels).toEqual([15, -9, -5, 3])
  })

  it('is orthonormal: its inverse is its gradient and keeps lengths, on images that are not square too', async () => {
    await useBackend(backend)
    tf.tidy(() => {
      const x = tf.randomNormal([2, 3, 5, 12], 0, 1, 'float32', 1) as tf.Tensor4D
      const pixels = inverseHaar(x)
      expect(pixels.shape).toEqual([2, 6, 10, 3])
      const error = (a: tf.Tensor, b: tf.Tensor) => tf.max(tf.abs(tf.sub(a, b))).dataSync()[0]
      expect(error(haar(pixels), x)).toBeLessThan(1e-6)
      expect(error(tf.norm(pixels), tf.norm(x))).toBeLessThan(1e-4)
      expect(error(tf.grad(y => inverseHaar(y as tf.Tensor4D))(x, pixels), x)).toBeLessThan(1e-6)
      expect(error(tf.grad(y => haar(y as tf.Tensor4D))(pixels, x), pixels)).toBeLessThan(1e-6)
    })
  })

  it('scales the channels of each image first', async () => {
    await useBackend(backend)
    tf.tidy(() => {
      const x = tf.randomNormal([2, 3, 4, 8], 0, 1, 'float32', 1) as tf.Tensor4D
      const scale = tf.randomNormal([2, 8], 1, 1, 'float32', 2) as tf.Tensor2D
      const scaled = tf.mul(x, tf.reshape(scale, [2, 1, 1, 8])) as tf.Tensor4D
      const difference = tf.sub(inverseHaar(x, scale), inverseHaar(scaled))
      expect(tf.max(tf.abs(difference)).dataSync()[0]).toBeLessThan(1e-6)
    })
  })
})
