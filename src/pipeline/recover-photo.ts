/** The way back: the original faces of a protected photo, from its keys. */
import * as tf from '@tensorflow/tfjs'
import { landmarksOfAligned } from '../faces/alignment.ts'
import { apply, compose, invert, type Similarity } from '../faces/warp.ts'
import { fromTensor, type Image } from '../images/image.ts'
import type { FaceKey } from '../keys/key.ts'
import { pasteOriginal } from '../keys/original-crop.ts'
import { BUCKETS } from '../models/msi.ts'
import { UserError } from '../util/errors.ts'
import { putBack } from './compose-photo.ts'
import type { FaceModel } from './model.ts'
import { recoverFace } from './recovery.ts'

/** How faces come back: as they were where their keys hold that, or in any case as the model regenerates them. */
export const recoveries = ['exact', 'generative'] as const
export type Recovery = (typeof recoveries)[number]

/**
 * Puts the original faces back into a protected photo. Keys of version 0.1 hold no crop: their faces are regenerated.
 * @param model loads the model that a key names, where one is needed
 * @param placed takes the photo's places to those of the picture that was protected, where the photo is an edited copy
 * @throws UserError when a key is for another model, or its crop does not fit the photo
 */
export async function recoverPhoto(
  model: (name: string) => Promise<FaceModel>,
  photo: Image,
  keys: readonly FaceKey[],
  recovery: Recovery = 'exact',
  placed?: Similarity,
): Promise<Image> {
  let result = photo
  for (const key of keys) {
    const { transform } = key
    if (key.crop && recovery === 'exact') result = await pasteOriginal(result, key.crop, placed)
    else {
      const here = placed ? { ...key, transform: compose(transform, placed) } : key
      result = await putRegenerated(await model(key.model.name), result, here)
    }
  }
  return result
}

/** The photo with the face that the model regenerates from a key in its place. @throws UserError as `recoverFromKey` */
export async function putRegenerated(model: FaceModel, photo: Image, key: FaceKey): Promise<Image> {
  const [face] = await recoverFromKey(model, key)
  return putBack(photo, face!, await placeOfKey(model, key, face!))
}

/** Where a key's face goes; its landmarks are those of the regenerated face, since the key holds none. */
async function placeOfKey({ alignment }: Pick<FaceModel, 'alignment'>, { transform }: FaceKey, face: Image) {
  const landmarks = alignment === 'template' ? [] : await landmarksOfAligned(face, alignment)
  const back = invert(transform)
  return { alignment, transform, found: { landmarks: landmarks.map(point => apply(back, point)) } }
}

/** The aligned face that a key regenerates. @throws UserError when the key is for another model, or was not made by one */
export async function recoverFromKey(model: FaceModel, key: FaceKey): Promise<Image[]> {
  if (key.model.sha256 !== model.sha256) {
    throw new UserError(
      `the key was made with model '${key.model.name}' (weights ${key.model.sha256.slice(0, 12)}…), found '${model.name}' (${model.sha256.slice(0, 12)}…): recover with the model that protected the picture`,
    )
  }
  const expected = { embeddings: [BUCKETS, model.placeholderWidth], latent: [...model.latentShape] }
  const steps = { least: 2, most: model.schedule.steps / 2 }
  if (`${key.shapes.embeddings}/${key.shapes.latent}` !== `${expected.embeddings}/${expected.latent}`) {
    throw new UserError(
      `expected a key of [${expected.embeddings}] and [${expected.latent}] numbers as model '${model.name}' makes them, found [${key.shapes.embeddings}] and [${key.shapes.latent}]: use the key that was written with the picture`,
    )
  }
  if (key.recipe.steps < steps.least || key.recipe.steps > steps.most) {
    throw new UserError(
      `expected a key of ${steps.least} to ${steps.most} steps, found ${key.recipe.steps}: use the key that was written with the picture`,
    )
  }
  const vectors = tf.tensor2d(key.embeddings, key.shapes.embeddings)
  const latent = tf.tensor4d(key.latent, [1, ...key.shapes.latent])
  const face = recoverFace(model, { vectors, latent }, key.recipe.steps)
  const images = await fromTensor(face)
  for (const tensor of [vectors, latent, face]) tensor.dispose()
  return images
}
