/** A recipe with all that it needs loaded: what programs protect and recover with. */
import type * as tf from '@tensorflow/tfjs'
import { guidesOf, type Recipe } from '../config/recipe.ts'
import { loadRecognizer } from '../faces/recognizers.ts'
import type { Image } from '../images/image.ts'
import type { FaceKey } from '../keys/key.ts'
import type { Recognizer } from '../models/recognizers/recognizer.ts'
import type { ProtectedPhoto } from './compose-photo.ts'
import { type OpenFace, openFace } from './face.ts'
import { type FaceModel, loadModel } from './model.ts'
import { type ProtectPhotoOptions, protectPhoto } from './photo.ts'
import type { PrepareOptions } from './prepare-face.ts'
import { type Recovery, recoverPhoto } from './recover-photo.ts'

/** What can be done under a recipe, on the backend in use. */
export interface OpenRecipe {
  readonly recipe: Recipe
  readonly model: FaceModel
  /** The recognizers that guide, of faces on the template. */
  readonly guides: readonly Recognizer[]
  /** Protects every face of a photo. @throws as `protectPhoto` */
  protectPhoto(photo: Image, options?: ProtectPhotoOptions): Promise<ProtectedPhoto>
  /** Opens an aligned face [1, s, s, 3] in [-1, 1], to protect it or make its key. @see openFace */
  openFace(face: tf.Tensor4D, options: PrepareOptions): OpenFace
  /** Puts the original faces back into a protected photo. @throws as `recoverPhoto` */
  recoverPhoto(photo: Image, keys: readonly FaceKey[], recovery?: Recovery): Promise<Image>
}

export interface OpenRecipeOptions {
  /** Recognizers that guide besides those of the recipe: its weights that are single numbers count for them too. */
  readonly guides?: readonly Recognizer[]
}

/**
 * Loads the model and the recognizers of a recipe.
 * @throws UserError when weights are absent, or others than the model's config says
 */
export async function openRecipe(
  recipe: Recipe,
  { guides: further = [] }: OpenRecipeOptions = {},
): Promise<OpenRecipe> {
  const model = await loadModel(recipe.model)
  const guides = [...(await Promise.all(guidesOf(recipe).map(loadRecognizer))), ...further]
  return {
    recipe,
    model,
    guides,
    protectPhoto: (photo, options) => protectPhoto(model, guides, photo, recipe, options),
    openFace: (face, options) => openFace(model, guides, face, recipe, options),
    recoverPhoto: (photo, keys, recovery) => recoverPhoto(async () => model, photo, keys, recovery),
  }
}
