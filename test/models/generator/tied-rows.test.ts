import * as tf from '@tensorflow/tfjs'
import { beforeAll, expect, test } from 'vitest'
import { useBackend } from '../../../src/backend/index.ts'
import { rowMap, spreadRows, tieRows } from '../../../src/models/generator/latent-space.ts'
import { optimizeLatents } from '../../../src/models/latent-optimization.ts'

beforeAll(() => useBackend('cpu'))

test('ties rows to the mean of their group, and spreads one row over its group', () => {
  tf.tidy(() => {
    const latents = tf.tensor4d([1, 3, 10, 20, 30, 40], [1, 3, 1, 2])
    expect(Array.from(tieRows(latents, [2, 1]).dataSync())).toEqual([5.5, 11.5, 5.5, 11.5, 30, 40])
    expect(Array.from(spreadRows(tf.tensor4d([1, 2, 3, 4], [1, 2, 1, 2]), [2, 1]).dataSync())).toEqual([
      1, 2, 1, 2, 3, 4,
    ])
    expect(Array.from(rowMap([1, 0], [2, 1]).dataSync())).toEqual([1, 1, 0])
  })
})

test('descent lowers the energy, keeps tied rows together and within the constraint, and leaves no tensors behind', () => {
  const start = tf.zeros([2, 3, 1, 2]) as tf.Tensor4D
  const target = tf.tensor4d([1, 2, 3, 4, 5, 6], [1, 3, 1, 2])
  const energy = (z: tf.Tensor4D) => tf.sum(tf.squaredDifference(z, target)) as tf.Scalar
  const before = tf.memory().numTensors
  let told = 0
  const free = optimizeLatents(start, energy, { steps: 60, rate: 0.3 }, { onStep: () => told++ })
  const tied = optimizeLatents(
    start,
    energy,
    { steps: 60, rate: 0.3 },
    {
      project: gradient => tieRows(gradient, [2, 1]),
      constrain: z => tf.clipByValue(z, -2.5, 2.5) as tf.Tensor4D,
    },
  )
  expect(told).toBe(60)
  expect(tf.memory().numTensors).toBe(before + 2)
  tf.tidy(() => {
    expect(energy(free).dataSync()[0]).toBeLessThan(0.05 * energy(start).dataSync()[0]!)
    const rows = Array.from(tf.slice(tied, [0, 0, 0, 0], [1, 3, 1, 2]).dataSync())
    expect(rows.slice(0, 2)).toEqual(rows.slice(2, 4))
    expect(Math.max(...rows)).toBeLessThanOrEqual(2.5)
    expect(rows[4]).toBeCloseTo(2.5, 5)
  })
  tf.dispose([start, target, free, tied])
})
