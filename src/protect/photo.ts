/** The three tasks on whole photos: every face found, cut out, changed and put back. */
import { createHash } from 'node:crypto'
import * as tf from '@tensorflow/tfjs'
import type { Recipe } from '../config/recipe.ts'
import { fromTensor, type Image, toTensor } from '../data/image.ts'
import { bucketCount } from '../diffusion/embedding-schedule.ts'
import { UserError } from '../errors.ts'
import { type AlignedFace, alignFace } from '../faces/align.ts'
import { detectFaces, type Face } from '../faces/detect.ts'
import { pasteFace } from '../faces/paste.ts'
import type { Recognizer } from '../models/recognizers/recognizer.ts'
import { type FaceKey, keyVersion } from './key.ts'
import type { FaceModel } from './model.ts'
import { protectFace } from './protect.ts'
import { makeSecret, type RecoverySecret, recoverFace } from './recovery.ts'

/** One face of a photo and what became of it. */
export interface ProtectedFace extends AlignedFace {
  readonly found: Face
  /** The protected versions of the aligned face, one a sample. */
  readonly samples: readonly Image[]
  /** What the key needs besides the hash of the protected picture's file. */
  readonly key: Omit<FaceKey, 'picture'>
  readonly seconds: number
}

export interface ProtectedPhoto {
  readonly faces: readonly ProtectedFace[]
  /** The photo with all its faces protected, one a sample. */
  readonly photos: readonly Image[]
}

export interface ProtectPhotoOptions {
  /** Only these faces, numbered as `detectFaces` orders them; all unless given. */
  readonly only?: (face: Face, index: number) => boolean
  /** Told before each step: which face of how many, which step of how many. */
  readonly onStep?: (face: number, faces: number, step: number, steps: number) => void
  /** Told after each face. */
  readonly onFace?: (face: ProtectedFace, index: number) => void | Promise<void>
}

/**
 * Protects every face of a photo as `recipe` says.
 * @throws UserError when the photo shows no face
 */
export async function protectPhoto(
  model: FaceModel,
  guide: Recognizer,
  photo: Image,
  recipe: Recipe,
  { only = () => true, onStep, onFace }: ProtectPhotoOptions = {},
): Promise<ProtectedPhoto> {
  const found = (await detectFaces(photo)).filter(only)
  if (found.length === 0)
    throw new UserError('expected a photo with a face, found none in it: is a face at least 30 pixels wide?')
  const content = contentHash(photo)
  const faces: ProtectedFace[] = []
  for (const [index, face] of found.entries()) {
    const started = performance.now()
    const aligned = await alignFace(photo, face.landmarks, model.imageSize)
    const image = toTensor(aligned.face)
    const total = Math.max(1, Math.round(recipe.steps * recipe.strength))
    let step = 0
    const samples = await protectFace(model, guide, image, recipe, {
      identity: `${content}/${index}`,
      onStep: () => onStep?.(index, found.length, ++step, total),
    })
    const secret = makeSecret(model, image, recipe.recovery)
    const done: ProtectedFace = {
      ...aligned,
      found: face,
      samples: await fromTensor(samples),
      key: await keyOf(model, secret, aligned, index, recipe),
      seconds: (performance.now() - started) / 1000,
    }
    samples.dispose()
    secret.vectors.dispose()
    secret.latent.dispose()
    image.dispose()
    faces.push(done)
    await onFace?.(done, index)
  }
  const photos = Array.from({ length: recipe.samples }, (_, i) =>
    faces.reduce((result, face) => pasteFace(result, face.samples[i]!, face.transform), photo),
  )
  return { faces, photos }
}

/**
 * Puts the original faces back into a protected photo, as far as the model can regenerate them from their keys.
 * @throws UserError when a key is for another model
 */
export async function recoverPhoto(
  model: FaceModel,
  photo: Image,
  keys: readonly FaceKey[],
): Promise<{ photo: Image; faces: Image[] }> {
  const faces: Image[] = []
  let result = photo
  for (const key of keys) {
    const [face] = await recoverFromKey(model, key)
    faces.push(face!)
    result = pasteFace(result, face!, key.transform)
  }
  return { photo: result, faces }
}

/** The aligned face that a key regenerates. @throws UserError when the key is for another model, or was not made by one */
export async function recoverFromKey(model: FaceModel, key: FaceKey): Promise<Image[]> {
  if (key.model.sha256 !== model.sha256) {
    throw new UserError(
      `the key was made with model '${key.model.name}' (weights ${key.model.sha256.slice(0, 12)}…), found '${model.name}' (${model.sha256.slice(0, 12)}…): recover with the model that protected the picture`,
    )
  }
  const expected = { embeddings: [bucketCount, model.placeholderWidth], latent: [...model.latentShape] }
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

async function keyOf(
  model: FaceModel,
  { vectors, latent }: RecoverySecret,
  { transform }: AlignedFace,
  index: number,
  recipe: Recipe,
): Promise<Omit<FaceKey, 'picture'>> {
  return {
    version: keyVersion,
    face: index,
    transform,
    model: { name: model.name, sha256: model.sha256 },
    recipe: { steps: recipe.recovery.steps },
    shapes: { embeddings: vectors.shape, latent: latent.shape.slice(1) as [number, number, number] },
    embeddings: Float32Array.from(await vectors.data()),
    latent: Float32Array.from(await latent.data()),
  }
}

/** What a photo's random numbers are keyed by: its pixels, so that neither its name nor its place in a folder matters. */
function contentHash({ width, height, data }: Image): string {
  return createHash('sha256').update(`${width}x${height}`).update(data).digest('hex')
}
