/** Latents of a generator: rows of one group move together, as the generator was trained to see them. */
import * as tf from '@tensorflow/tfjs'

/**
 * Means over the rows of each group, put in the place of all its rows.
 * @param latents [n, rows, 1, d]
 * @param groups how many rows each group has, from the first row on
 */
export function tieRows(latents: tf.Tensor4D, groups: readonly number[]): tf.Tensor4D {
  return tf.tidy(() => spreadRows(tf.concat(tf.split(latents, [...groups], 1).map(rows => tf.mean(rows, 1, true)), 1), groups)) // biome-ignore format: one line
}

/** One row for each group, [n, groups, 1, d], repeated for all its rows: [n, rows, 1, d]. */
export function spreadRows(rows: tf.Tensor, groups: readonly number[]): tf.Tensor4D {
  return tf.tidy(() => {
    const each = tf.split(rows, groups.length, 1)
    return tf.concat(
      each.map((row, i) => tf.tile(row, [1, groups[i]!, 1, 1])),
      1,
    ) as tf.Tensor4D
  })
}

/** A value for each group -> a map of its rows, [1, rows, 1, 1]. */
export function rowMap(values: readonly number[], groups: readonly number[]): tf.Tensor4D {
  const rows = groups.flatMap((count, i) => Array<number>(count).fill(values[i]!))
  return tf.tensor4d(rows, [1, rows.length, 1, 1])
}
