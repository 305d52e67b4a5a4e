import * as tf from '@tensorflow/tfjs'
import { keepsDefect, type Recipe } from '../config/recipe.ts'
import type { FaceModel } from './model.ts'

/** The ten placeholder vectors of a face [1, s, s, 3] in [-1, 1] under a recipe, [10, d]. */
export function placeholdersOf(model: FaceModel, face: tf.Tensor4D, recipe: Pick<Recipe, 'compat'>): tf.Tensor2D {
  return tf.tidy(() => model.placeholders(keepsDefect(recipe, 'darkFeatures') ? asBytes(face) : face))
}

/**
 * What the release shows CLIP: values in [-1, 1] cast to bytes as they are (towards zero, -1 becoming 255), and these
 * taken for a picture, here in [-1, 1] again.
 */
function asBytes(face: tf.Tensor4D): tf.Tensor4D {
  const bytes = tf.add(
    tf.cast(tf.greaterEqual(face, 1), 'float32'),
    tf.mul(tf.cast(tf.lessEqual(face, -1), 'float32'), 255),
  )
  return tf.sub(tf.div(bytes, 127.5), 1) as tf.Tensor4D
}
