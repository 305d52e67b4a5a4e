/** The three tasks on whole photos: every face found, cut out, changed and put back. */
import * as tf from '@tensorflow/tfjs'
import { sha256Hex } from '#sha256'
import { type Recipe, stepsTaken } from '../config/recipe.ts'
import type { AlignedFace } from '../faces/align.ts'
import { type Alignment, align, landmarksOfAligned } from '../faces/alignment.ts'
import type { Box } from '../faces/box.ts'
import { compositeFace } from '../faces/composite.ts'
import { coverFace } from '../faces/cover-face.ts'
import { detectFaces, type Face } from '../faces/detect.ts'
import { grainOf } from '../faces/grain.ts'
import { pasteFace } from '../faces/paste.ts'
import { apply, compose, identity, invert, type Similarity } from '../faces/similarity.ts'
import { fromTensor, type Image, toTensor } from '../images/image.ts'
import { type FaceKey, pictureHash } from '../keys/key.ts'
import { changedBox, cropOriginal, pasteOriginal, union } from '../keys/original-crop.ts'
import { BUCKETS } from '../models/msi.ts'
import type { Recognizer } from '../models/recognizers/recognizer.ts'
import { UserError } from '../util/errors.ts'
import type { Randomness, Secret } from '../util/random.ts'
import type { FaceModel } from './model.ts'
import type { PhotoReport } from './photo-report.ts'
import { protectFace } from './protect.ts'
import { makeSecret, recoverFace } from './recovery.ts'

/** A face of a photo, cut out. */
export interface PhotoFace extends AlignedFace {
  readonly alignment: Alignment
  readonly found: Face
  /** Its number among the photo's faces, as `detectFaces` orders them. */
  readonly index: number
  /** What its random numbers come from. */
  readonly randomness: Randomness
  /** What they are for besides: the photo's pixels and its number. */
  readonly identity: string
}

/** What a face's key holds besides the hash of the protected picture's file. */
export type UnboundKey = Omit<FaceKey, 'picture'>

/** What takes the place of a face: a protected version of the aligned face, or a cover that leaves so many means a side. */
export type FaceSample = Image | { readonly cells: number }

/** One face of a photo and what became of it. */
export interface ProtectedFace extends PhotoFace {
  readonly samples: readonly FaceSample[]
  readonly key: UnboundKey
}

/** A photo with its faces replaced. */
export interface AssembledPhoto {
  /** What its random numbers came from, unless that was a seed. */
  readonly secret?: Secret | undefined
  readonly faces: readonly ProtectedFace[]
  /** The photo with all its faces protected, one a sample. */
  readonly photos: readonly Image[]
}

export interface ProtectedPhoto extends AssembledPhoto {
  readonly report: PhotoReport
}

export interface FacesOfPhotoOptions {
  /** What the faces' random numbers come from. */
  readonly randomness: Randomness
  /** Finds the photo's faces, from left to right: `detectFaces` in this process unless given. */
  readonly detect?: (photo: Image) => Promise<Face[]>
}

/**
 * Finds the faces of a photo and cuts them out as the model takes them.
 * @throws UserError when the photo shows no face
 */
export async function facesOfPhoto(
  model: Pick<FaceModel, 'imageSize' | 'alignment'>,
  photo: Image,
  { randomness, detect = detectFaces }: FacesOfPhotoOptions,
): Promise<PhotoFace[]> {
  const all = await detect(photo)
  if (all.length === 0) throw new UserError('expected a photo with a face, found none in it')
  return cutFaces(model, photo, all, randomness)
}

/** Cuts faces out of a photo as the model takes them. @param all from left to right */
export async function cutFaces(
  { imageSize, alignment }: Pick<FaceModel, 'imageSize' | 'alignment'>,
  photo: Image,
  all: readonly Face[],
  randomness: Randomness,
): Promise<PhotoFace[]> {
  const content = contentHash(photo)
  return Promise.all(
    all.map(async (found, index) => ({
      ...(await align(alignment, photo, found.landmarks, imageSize)),
      alignment,
      found,
      index,
      randomness,
      identity: `${content}/${index}`,
    })),
  )
}

export interface ProtectPhotoFaceOptions {
  /** 0, or how often its versions were refused: each round samples others. */
  readonly round?: number
  readonly onStep?: ((step: number, steps: number) => void) | undefined
}

/** The protected versions of one face, one a sample. */
export async function protectPhotoFace(
  model: FaceModel,
  guides: readonly Recognizer[],
  { face, randomness, identity, found, transform }: PhotoFace,
  recipe: Recipe,
  { round = 0, onStep }: ProtectPhotoFaceOptions = {},
): Promise<Image[]> {
  const image = toTensor(face)
  const steps = stepsTaken(recipe)
  let step = 0
  const samples = await protectFace(model, guides, image, recipe, {
    randomness,
    identity,
    round,
    landmarks: found.landmarks.map(point => apply(transform, point)),
    // The largest, also for small faces: smaller heads of a generator are for guidance, and leave a grid that shows.
    size: model.outputSizes.at(-1)!,
    // Further attempts are not told: how many there will be is not known.
    onStep: () => {
      if (step < steps) onStep?.(++step, steps)
    },
  })
  const images = await fromTensor(samples)
  tf.dispose([image, samples])
  return images
}

/** The key of one face. It depends on the face and on how it is to be recovered, not on how it was protected. */
export async function keyOfPhotoFace(
  model: FaceModel,
  { face, transform, index }: Pick<PhotoFace, 'face' | 'transform' | 'index'>,
  recipe: Pick<Recipe, 'recovery' | 'compat'>,
): Promise<UnboundKey> {
  const image = toTensor(face)
  const { vectors, latent } = makeSecret(model, image, recipe)
  const key: UnboundKey = {
    face: index,
    transform,
    model: { name: model.name, sha256: model.sha256 },
    recipe: { steps: recipe.recovery.steps },
    shapes: { embeddings: vectors.shape, latent: latent.shape.slice(1) as [number, number, number] },
    embeddings: Float32Array.from(await vectors.data()),
    latent: Float32Array.from(await latent.data()),
  }
  tf.dispose([image, vectors, latent])
  return key
}

/** The key of an aligned face, which is a picture of its own and the only face in it. */
export async function keyOfAlignedFace(
  model: FaceModel,
  face: Image,
  recipe: Pick<Recipe, 'recovery' | 'compat'>,
): Promise<FaceKey> {
  const key = await keyOfPhotoFace(model, { face, transform: identity, index: 0 }, recipe)
  return { ...key, picture: pictureHash(face.data) }
}

/**
 * The photo with the protected versions of all its faces put back, one photo a sample, and the faces' keys with what that
 * changed of the photo.
 */
export async function assemblePhoto(photo: Image, faces: readonly ProtectedFace[]): Promise<AssembledPhoto> {
  const changed: (Box | undefined)[] = faces.map(() => undefined)
  const photos = faces[0]!.samples.map((_, i) =>
    composePhoto(
      photo,
      faces.map(face => ({ ...face, sample: face.samples[i]! })),
      (k, before, after) => {
        changed[k] = union(changed[k], changedBox(before, after))
      },
    ),
  )
  const keyed = faces.map(async (face, k): Promise<ProtectedFace> => {
    const box = changed[k]
    return box ? { ...face, key: { ...face.key, crop: await cropOriginal(photo, box) } } : face
  })
  const { randomness } = faces[0]!
  return {
    ...(typeof randomness === 'string' && { secret: randomness }),
    faces: await Promise.all(keyed),
    photos,
  }
}

/**
 * The photo with a sample in the place of each of its faces.
 * @param onFace called with each face's number and the photo before and after it
 */
export function composePhoto(
  photo: Image,
  faces: readonly (FacePlace & { readonly sample: FaceSample; readonly found: Face })[],
  onFace?: (face: number, before: Image, after: Image) => void,
): Image {
  const composed = faces.reduce((before, { sample, ...face }, k) => {
    const after = 'cells' in sample ? coverFace(before, face.found, sample) : putBack(before, sample, face)
    onFace?.(k, before, after)
    return after
  }, photo)
  return { ...composed, ...(photo.alpha && { alpha: photo.alpha }) }
}

/** Where a changed face goes, and what its grain comes from. */
interface FacePlace
  extends Pick<PhotoFace, 'alignment' | 'transform'>,
    Partial<Pick<PhotoFace, 'randomness' | 'identity'>> {
  readonly found: Pick<Face, 'landmarks'>
}

/** The photo with a changed face in the place of the one that was cut out. */
export function putBack(
  photo: Image,
  changed: Image,
  { alignment, transform, found, randomness, identity }: FacePlace,
): Image {
  if (alignment === 'template') return pasteFace(photo, changed, transform)
  return compositeFace(photo, changed, { transform, landmarks: found.landmarks, grain: grainOf(randomness, identity) })
}

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

/** What a photo's random numbers are keyed by: its pixels, so that neither its name nor its place in a folder matters. */
function contentHash({ width, height, data }: Image): string {
  return sha256Hex(`${width}x${height}`, data)
}
