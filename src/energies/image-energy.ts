/** The one form of energies that look at pictures: what a recipe lists with weights, and what a sampler adds up. */
import * as tf from '@tensorflow/tfjs'
import { templateRectangle } from '../faces/alignment.ts'
import type { Point } from '../faces/template.ts'
import type { Rectangle } from '../models/recognizers/recognizer.ts'

/** A face that estimates are compared with, in the alignment of the estimates. */
export interface OriginalFace {
  /** [1, s, s, 3] in [-1, 1]. */
  readonly face: tf.Tensor4D
  /** Its 68 landmarks (iBUG 300-W order) in pixels of the face. */
  readonly landmarks: readonly Point[]
}

/**
 * How far estimates are from what is wanted of them. What it compares them with was computed when it was made.
 */
export interface ImageEnergy {
  readonly name: string
  /**
   * Differentiable with respect to the images on every backend; each value depends on its own image only.
   * @param images [n, s, s, 3] in [-1, 1]
   * @returns [n], not negative, lower is better
   */
  energy(images: tf.Tensor4D): tf.Tensor1D
  /** Frees the tensors it compares with. */
  dispose(): void
}

/**
 * An energy over tensors that were computed beforehand.
 * @param reference computes them; they outlive any tidy that this is called in
 * @param measure images and the reference -> [n]
 */
export function imageEnergy<Reference extends Readonly<Record<string, tf.Tensor>>>(
  name: string,
  reference: () => Reference,
  measure: (images: tf.Tensor4D, reference: Reference) => tf.Tensor1D,
): ImageEnergy {
  const kept = tf.tidy(() => reference() as unknown as tf.TensorContainer) as unknown as Reference
  for (const tensor of Object.values(kept)) tf.keep(tensor)
  return {
    name,
    energy: images => tf.tidy(() => measure(images, kept)),
    dispose: () => tf.dispose(kept as unknown as tf.TensorContainer),
  }
}

/**
 * The sum of energies, each times its weight; those of weight 0 are not computed.
 * @param terms owned by the sum from now on: its `dispose` frees them
 */
export function weightedSum(
  terms: readonly (readonly [energy: ImageEnergy, weight: number])[],
  name = 'sum',
): ImageEnergy {
  const active = terms.filter(([, weight]) => weight !== 0)
  return {
    name,
    energy: images =>
      tf.tidy(() =>
        active.reduce<tf.Tensor1D>(
          (sum, [energy, weight]) => tf.add(sum, tf.mul(energy.energy(images), weight)),
          tf.zeros([images.shape[0]]),
        ),
      ),
    dispose: () => {
      for (const [energy] of terms) energy.dispose()
    },
  }
}

/** Sum over all axes but the first, [n, ...] -> [n]. */
export const sumPerImage = (x: tf.Tensor): tf.Tensor1D =>
  tf.sum(
    x,
    x.shape.slice(1).map((_, i) => i + 1),
  ) as tf.Tensor1D

/** @throws Error when images and a map of the face have different sides */
export function checkSide(name: string, images: tf.Tensor4D, map: tf.Tensor4D): void {
  const [height, width] = images.shape.slice(1, 3)
  const [mapHeight, mapWidth] = map.shape.slice(1, 3)
  if (height !== mapHeight || width !== mapWidth)
    throw new Error(
      `${name}: expected images of ${mapHeight} x ${mapWidth} pixels, as those of the face, found ${height} x ${width}`,
    )
}

/**
 * Where a part of the aligned face of faces/template.ts lies in a face of FFHQ's alignment: networks that know their crop of
 * the first see the same of the second.
 * @param rectangle in units of the aligned face's side
 */
export function alignedRectangle({ face, landmarks }: OriginalFace, rectangle: Rectangle): Rectangle {
  const outer = templateRectangle(landmarks, face.shape[1])
  const [width, height] = [outer.right - outer.left, outer.bottom - outer.top]
  return {
    left: outer.left + width * rectangle.left,
    top: outer.top + height * rectangle.top,
    right: outer.left + width * rectangle.right,
    bottom: outer.top + height * rectangle.bottom,
  }
}
