/**
 * The P_N space of a StyleGAN (Zhu et al., arXiv 2012.09036): styles with the mapping network's last activation undone,
 * rotated to their principal axes and divided by their deviations, so that styles of faces are nearly N(0, I).
 */
import * as tf from '@tensorflow/tfjs'
import { define, type Module, weight } from '../module.ts'
import { affine } from '../ops/affine.ts'
import { styleWidth } from './synthesis.ts'

const slope = 0.2

export interface LatentSpace {
  /** Latents [..., 512] -> styles [..., 512]; differentiable. */
  readonly toStyles: Module<[tf.Tensor], tf.Tensor>
  /** Styles [..., 512] -> latents [..., 512]. */
  readonly toLatents: Module<[tf.Tensor], tf.Tensor>
}

/**
 * `mean` of the styles before the last activation, `axes` the principal axes as columns, `deviations` along them.
 * styles = sqrt(2) leakyRelu(mean + (latents * deviations) axes^T)
 */
export function latentSpace(name = 'latent_space'): LatentSpace {
  const parameters = {
    [`${name}.mean`]: [styleWidth],
    [`${name}.axes`]: [styleWidth, styleWidth],
    [`${name}.deviations`]: [styleWidth],
  }
  return {
    toStyles: define([{ parameters }], (w, latents) => {
      const axes = weight<tf.Tensor2D>(w, `${name}.axes`)
      const scaled = tf.mul(latents, weight(w, `${name}.deviations`))
      const x = affine(scaled, axes, { bias: weight(w, `${name}.mean`), transposed: true })
      return tf.mul(tf.leakyRelu(x, slope), Math.SQRT2)
    }),
    toLatents: define([{ parameters }], (w, styles) => {
      const x = tf.leakyRelu(tf.mul(styles, Math.SQRT1_2), 1 / slope)
      const centred = tf.sub(x, weight(w, `${name}.mean`))
      return tf.div(affine(centred, weight<tf.Tensor2D>(w, `${name}.axes`)), weight(w, `${name}.deviations`))
    }),
  }
}

// Latents of a generator: rows of one group move together, as the generator was trained to see them.

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

// The prior on latents that are nearly N(0, I): in d dimensions, nearly all of it lies at |z|^2 = d. Rows far outside of that
// shell no longer decode to photographs.

/**
 * Sum over rows of relu(|row|^2 / d - 1)^2: zero inside of the shell.
 * @param latents [n, rows, 1, d] in P_N space
 * @returns [n]
 */
export function shellEnergy(latents: tf.Tensor4D): tf.Tensor1D {
  return tf.tidy(() => tf.sum(tf.square(tf.relu(tf.sub(squaredNorms(latents), 1))), [1, 2, 3]) as tf.Tensor1D)
}

/**
 * Rows beyond the shell are brought back to it, their direction kept; the others stay as they are.
 * @param latents [n, rows, 1, d] in P_N space
 * @param max the largest |row|^2 / d that stays
 */
export function clampToShell(latents: tf.Tensor4D, max = 1): tf.Tensor4D {
  return tf.tidy(() => tf.div(latents, tf.sqrt(tf.maximum(tf.div(squaredNorms(latents), max), 1))) as tf.Tensor4D)
}

/** |row|^2 / d, [n, rows, 1, 1]. */
const squaredNorms = (latents: tf.Tensor4D): tf.Tensor => tf.mean(tf.square(latents), 3, true)
