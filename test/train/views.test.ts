import * as tf from '@tensorflow/tfjs'
import { beforeAll, expect, it } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { randomViews } from '../../src/train/augmentation.ts'

beforeAll(() => useBackend('wasm'))

/** Pictures whose red is the column's place and whose green the row's, -1 to 1, and whose blue is 0.5. */
const ramps = () =>
  tf.tidy(() => {
    const ramp = tf.linspace(-1, 1, 16)
    const column = tf.tile(tf.reshape(ramp, [1, 1, 16, 1]), [2, 16, 1, 1])
    const row = tf.tile(tf.reshape(ramp, [1, 16, 1, 1]), [2, 1, 16, 1])
    return tf.concat([column, row, tf.fill([2, 16, 16, 1], 0.5)], 3) as tf.Tensor4D
  })

/** Views of the ramps, by picture, row and column. */
function viewed(variation: number, seed: number, key: number): number[][][][] {
  return tf.tidy(() => randomViews(ramps(), variation, seed, key).arraySync() as number[][][][])
}

it('no variation leaves faces as they are', () => {
  const faces = tf.tidy(() => ramps().arraySync() as number[][][][])
  for (const [i, value] of viewed(0, 1, 2).flat(3).entries()) expect(value).toBeCloseTo(faces.flat(3)[i]!, 5)
})

it('a view is a part of its face, of another stretch each way and tint, within the variation', () => {
  const variation = 0.3
  const seen = { widths: new Set<number>(), tints: new Set<number>() }
  for (let key = 0; key < 10; key++)
    for (const view of viewed(variation, 1, key)) {
      const blue = view[0]![0]![2]! / 0.5
      expect(blue).toBeGreaterThanOrEqual(1 - variation)
      expect(blue).toBeLessThanOrEqual(1 + variation)
      expect(view.flat().every(([, , b]) => Math.abs(b! - blue * 0.5) < 1e-5)).toBe(true)
      const [first, last] = [view[0]![0]!, view[15]![15]!]
      for (const channel of [0, 1]) {
        expect(last[channel]! - first[channel]!).toBeGreaterThan(2 * (1 - variation) ** 2 - 1e-5)
        expect(Math.abs(first[channel]!)).toBeLessThanOrEqual(1)
      }
      expect(view[0]![0]![0]).toBeCloseTo(view[15]![0]![0]!, 5) // columns stay columns
      seen.widths.add(last[0]! - first[0]!).add(last[1]! - first[1]!)
      seen.tints.add(blue)
    }
  expect(seen.widths.size).toBeGreaterThan(20)
  expect(seen.tints.size).toBe(20)
})

it('the same seed and key give the same views, and nothing is left in memory', () => {
  expect(viewed(0.2, 1, 2)).toEqual(viewed(0.2, 1, 2))
  expect(viewed(0.2, 1, 2)).not.toEqual(viewed(0.2, 1, 3))
  expect(viewed(0.2, 1, 2)).not.toEqual(viewed(0.2, 2, 2))
  const before = tf.memory().numTensors
  viewed(0.2, 1, 2)
  expect(tf.memory().numTensors).toBe(before)
})
