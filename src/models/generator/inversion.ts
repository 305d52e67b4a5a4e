/** Latents of a generator that decode to a given face, by descent from a first guess. */
import * as tf from '@tensorflow/tfjs'
import { type LatentOptimization, type OptimizationOptions, optimizeLatents } from '../latent-optimization.ts'
import { cropResize, whole } from '../recognizers/recognizer.ts'
import { shellEnergy } from './latent-space.ts'

export interface Inversion extends LatentOptimization {
  /** Side at which faces are compared. */
  readonly size: number
  /** Weight of the shell energy, which keeps latents where they can be edited. */
  readonly prior: number
}

/** How much a pixel at the border of the square counts beside one of the face. */
const borderWeight = 0.3

/**
 * Takes steps of descent from latents z, each face x by itself:
 *
 *   E(z) = mean over scales of mean w |decode(z) - x| + prior shell(z)
 *
 * Scales are the side and its halves down to 16 pixels; w falls off from the middle of the face to the border.
 * @param latents [n, rows, 1, d] in P_N space
 * @param faces [n, s, s, 3] in [-1, 1]
 * @param decode latents -> faces [n, size, size, 3], differentiable
 * @returns [n, rows, 1, d]
 */
export function invertFaces(
  latents: tf.Tensor4D,
  faces: tf.Tensor4D,
  decode: (latents: tf.Tensor4D) => tf.Tensor4D,
  { size, prior, ...optimization }: Inversion,
  options?: OptimizationOptions,
): tf.Tensor4D {
  return tf.tidy(() => {
    const target = pyramid(faces.shape[1] === size ? faces : cropResize(faces, whole, size))
    const weights = pyramid(centreWeights(size))
    const energy = (z: tf.Tensor4D): tf.Scalar => {
      const decoded = pyramid(decode(z))
      const distances = decoded.map((level, i) => {
        const distance = tf.mul(tf.abs(tf.sub(level, target[i]!)), weights[i]!)
        return tf.mul(tf.sum(tf.mean(distance, [1, 2, 3])), 1 / decoded.length)
      })
      const pixels = tf.addN(distances) as tf.Scalar
      return prior > 0 ? tf.add(pixels, tf.mul(tf.sum(shellEnergy(z)), prior)) : pixels
    }
    return optimizeLatents(latents, energy, optimization, options)
  })
}

/** The pictures and their halves, by means of 2 x 2 pixels, down to 16 pixels a side. */
function pyramid(images: tf.Tensor4D): tf.Tensor4D[] {
  const levels = [images]
  while (levels.at(-1)!.shape[1] > 16) levels.push(tf.avgPool(levels.at(-1)!, 2, 2, 'valid'))
  return levels
}

/** 1 over the face, which is in the middle of the square, falling off to `borderWeight`: [1, s, s, 1]. */
function centreWeights(size: number): tf.Tensor4D {
  const values = Float32Array.from({ length: size * size }, (_, k) => {
    const [x, y] = [((k % size) + 0.5) / size - 0.5, (Math.floor(k / size) + 0.5) / size - 0.56]
    const radius = Math.hypot(x / 0.32, y / 0.38)
    return borderWeight + (1 - borderWeight) / (1 + Math.max(0, radius) ** 6)
  })
  return tf.tensor4d(values, [1, size, size, 1])
}
