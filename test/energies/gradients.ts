import * as tf from '@tensorflow/tfjs'
import { expect } from 'vitest'

/** The gradient of a sum of values, as numbers. */
export async function gradientOf<T extends tf.Tensor>(energy: (x: T) => tf.Tensor, x: T): Promise<Float32Array> {
  const gradient = tf.tidy(() => tf.grad((x: tf.Tensor) => tf.sum(energy(x as T)))(x))
  const values = (await gradient.data()) as Float32Array
  gradient.dispose()
  return values
}

/**
 * Expects the slope of a sum of values along some directions to be that of central differences: down the gradient itself, and
 * along the parts of it at each third of the values.
 * @param step how far to go in units of x, so that float32 tells both ends apart and no kink lies between many of them
 * @param within relative to the larger of a slope and a tenth of the steepest
 */
export async function expectGradient<T extends tf.Tensor>(
  energy: (x: T) => tf.Tensor,
  x: T,
  { step = 1e-2, within = 0.02 } = {},
): Promise<void> {
  const gradient = await gradientOf(energy, x)
  const steepest = Math.hypot(...norms(gradient))
  expect(steepest).toBeGreaterThan(0)
  for (const part of [undefined, 0, 1, 2]) {
    const chosen = gradient.map((value, i) => (part === undefined || i % 3 === part ? value : 0))
    const norm = Math.hypot(...norms(chosen))
    if (norm === 0) continue
    const direction = tf.tensor(
      chosen.map(value => value / norm),
      x.shape,
    )
    const at = async (distance: number) => {
      const value = tf.tidy(() => tf.sum(energy(tf.add(x, tf.mul(direction, distance)) as T)))
      const [number] = await value.data()
      value.dispose()
      return number!
    }
    const slope = ((await at(step)) - (await at(-step))) / (2 * step)
    direction.dispose()
    expect(Math.abs(slope - norm), `slope ${slope}, gradient ${norm}, part ${part}`).toBeLessThan(
      within * Math.max(norm, steepest / 10),
    )
  }
}

/** Norms of slices short enough to be arguments. */
function norms(values: Float32Array): number[] {
  const result: number[] = []
  for (let i = 0; i < values.length; i += 4096) result.push(Math.hypot(...values.subarray(i, i + 4096)))
  return result
}
