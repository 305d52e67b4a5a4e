import * as tf from '@tensorflow/tfjs'
import { beforeAll, expect, test } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { hog, hogBins } from '../../src/faces/facial-attributes.ts'

beforeAll(() => useBackend('wasm'))

/** A picture [1, 16, 16] that rises from left to right. */
const ramp = (slope: number) =>
  tf.tile(tf.reshape(tf.linspace(0, 15 * slope, 16), [1, 1, 16]), [1, 16, 1]) as tf.Tensor3D

test('a gradient counts in its own direction and, less, in those beside it', () => {
  tf.tidy(() => {
    const cells = hog(ramp(0.1))
    expect(cells.shape).toEqual([1, 4, 4, hogBins])
    const inner = tf.reshape(tf.slice(cells, [0, 1, 1, 0], [1, 1, 1, hogBins]), [-1]).dataSync()
    // The square of the cosine of 0, 45, 90, ... degrees, nothing behind.
    const expected = [1, 0.5, 0, 0, 0, 0, 0, 0.5]
    for (const [bin, share] of expected.entries()) expect(inner[bin]! / inner[0]!).toBeCloseTo(share, 4)
  })
})

test('contrast hardly counts, turning by a quarter shifts the directions, and flat pictures are nothing', () => {
  tf.tidy(() => {
    const value = (x: tf.Tensor3D, bin: number) => hog(x).dataSync()[(1 * 4 + 1) * hogBins + bin]!
    expect(value(ramp(0.1), 0) / value(ramp(0.2), 0)).toBeGreaterThan(0.98)
    expect(value(tf.transpose(ramp(0.1), [0, 2, 1]), hogBins / 4)).toBeCloseTo(value(ramp(0.1), 0), 4)
    expect(tf.max(hog(tf.fill([1, 16, 16], 0.5))).dataSync()[0]).toBeLessThan(1e-4)
  })
})
