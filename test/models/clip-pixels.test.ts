import * as tf from '@tensorflow/tfjs'
import { beforeAll, expect, it } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { clipPixels, resizeBicubic } from '../../src/models/clip-pixels.ts'

beforeAll(() => useBackend('cpu'))

/** First and last row of Image.fromarray(x).resize((size, size), BICUBIC) by Pillow 13.0.0, x = sin(1.7 i), [10, 7]. */
const pillow: Record<number, number[]> = {
  4: [0.1417, 0.04801, -0.15052, 0.36065, 0.60625, -0.49462, 0.46263, -0.44945],
  12: [
    ...[
      -0.05288, 0.38872, 0.99741, 0.39085, -0.40471, -0.90815, -0.62131, 0.37924, 0.82329, 0.75971, -0.22324, -0.8393,
    ],
    ...[0.21029, 0.53658, 0.94275, 0.19823, -0.60647, -0.88132, -0.4456, 0.58437, 0.85512, 0.58167, -0.39301, -0.98432],
  ],
}

it.each([4, 12])('resizes to %i as Pillow does', async size => {
  const values = Array.from({ length: 70 }, (_, i) => Math.sin(1.7 * i))
  const before = tf.memory().numTensors
  const picture = tf.tensor4d(values, [1, 10, 7, 1])
  const resized = resizeBicubic(picture, size)
  const found = [...(await resized.data())]
  tf.dispose([picture, resized])
  expect(tf.memory().numTensors).toBe(before)
  const edges = [...found.slice(0, size), ...found.slice(-size)]
  edges.forEach((value, i) => void expect(value).toBeCloseTo(pillow[size]![i]!, 4))
})

it("normalises by CLIP's mean and deviation", async () => {
  const pixels = clipPixels(tf.fill([2, 8, 8, 3], 1), 4)
  expect(pixels.shape).toEqual([2, 4, 4, 3])
  const white = [...(await pixels.data())].slice(0, 3)
  white.forEach((value, i) => void expect(value).toBeCloseTo([1.93034, 2.07488, 2.1459][i]!, 4))
})
