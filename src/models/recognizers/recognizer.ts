import * as tf from '@tensorflow/tfjs'

/** A face-recognition network together with the crop of the aligned face that it was made for. */
export interface Recognizer {
  readonly name: string
  /** Length of an embedding. */
  readonly dimensions: number
  /**
   * Embeds aligned faces; differentiable with respect to them on every backend.
   * @param faces [n, s, s, 3] in [-1, 1], of any size s, on the template of src/faces/template.ts
   * @returns [n, dimensions], of unit length: the dot product of two is their cosine similarity
   */
  embed(faces: tf.Tensor4D): tf.Tensor2D
}

/** Scales the rows of [n, d] to unit length. */
export function unit(x: tf.Tensor2D): tf.Tensor2D {
  return tf.mul(x, tf.rsqrt(tf.add(tf.sum(tf.square(x), 1, true), 1e-12)))
}
