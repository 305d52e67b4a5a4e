/** The faces of a photo: found, cut out as the model takes them, protected, and their keys. */
import * as tf from '@tensorflow/tfjs'
import { sha256Hex } from '#sha256'
import { type Recipe, stepsTaken } from '../config/recipe.ts'
import type { AlignedFace } from '../faces/alignment.ts'
import { type Alignment, align } from '../faces/alignment.ts'
import { detectFaces, type Face } from '../faces/detect.ts'
import { apply, identity } from '../faces/warp.ts'
import { fromTensor, type Image, toTensor } from '../images/image.ts'
import { type FaceKey, pictureHash } from '../keys/key.ts'
import type { Recognizer } from '../models/recognizers/recognizer.ts'
import { UserError } from '../util/errors.ts'
import type { Randomness } from '../util/random.ts'
import { type OpenFace, openFace } from './face.ts'
import type { FaceModel } from './model.ts'
import { makeSecret } from './recovery.ts'

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

export interface FacesOfPhotoOptions {
  /** What the faces' random numbers come from. */
  readonly randomness: Randomness
  /** Finds the photo's faces, from left to right: `detectFaces` in this process by default. */
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
  readonly round?: number | undefined
  readonly onStep?: ((step: number, steps: number) => void) | undefined
}

/** A face of a photo that is worked on. @see OpenFace */
export interface OpenPhotoFace {
  /** Its protected versions, one a sample. */
  protect(options?: ProtectPhotoFaceOptions): Promise<Image[]>
  /** Its key, which depends on the face and on how it is to be recovered, not on how it is protected. */
  key(): Promise<UnboundKey>
  dispose(): void
}

/** Opens a face of a photo for work under a recipe. */
export function openPhotoFace(
  model: FaceModel,
  guides: readonly Recognizer[],
  { face, randomness, identity, found, transform, index }: PhotoFace,
  recipe: Recipe,
): OpenPhotoFace {
  const image = toTensor(face)
  const landmarks = found.landmarks.map(point => apply(transform, point))
  const open = openFace(model, guides, image, recipe, { randomness, identity, landmarks })
  return {
    async protect({ round, onStep } = {}) {
      const steps = stepsTaken(recipe)
      let step = 0
      const samples = await open.protect({
        round,
        // The largest, also for small faces: smaller heads of a generator are for guidance, and leave a grid that shows.
        size: model.outputSizes.at(-1)!,
        // Further attempts are not told: how many there will be is not known.
        onStep: () => {
          if (step < steps) onStep?.(++step, steps)
        },
      })
      const images = await fromTensor(samples)
      samples.dispose()
      return images
    },
    key: () => keyOf(model, open, { transform, index }, recipe),
    dispose: () => {
      open.dispose()
      image.dispose()
    },
  }
}

/** The protected versions of a face that nothing else is done with. @see OpenPhotoFace.protect */
export async function protectPhotoFace(
  model: FaceModel,
  guides: readonly Recognizer[],
  face: PhotoFace,
  recipe: Recipe,
  options?: ProtectPhotoFaceOptions,
): Promise<Image[]> {
  const open = openPhotoFace(model, guides, face, recipe)
  return open.protect(options).finally(() => open.dispose())
}

/** The key of a face that nothing else is done with. @see OpenPhotoFace.key */
export async function keyOfPhotoFace(
  model: FaceModel,
  { face, ...place }: Pick<PhotoFace, 'face' | 'transform' | 'index'>,
  recipe: Pick<Recipe, 'recovery' | 'compat'>,
): Promise<UnboundKey> {
  const image = toTensor(face)
  const key = await keyOf(model, { secret: () => makeSecret(model, image, recipe) }, place, recipe)
  image.dispose()
  return key
}

async function keyOf(
  model: FaceModel,
  face: Pick<OpenFace, 'secret'>,
  { transform, index }: Pick<PhotoFace, 'transform' | 'index'>,
  { recovery }: Pick<Recipe, 'recovery'>,
): Promise<UnboundKey> {
  const { vectors, latent } = face.secret()
  const key: UnboundKey = {
    face: index,
    transform,
    model: { name: model.name, sha256: model.sha256 },
    recipe: { steps: recovery.steps },
    shapes: { embeddings: vectors.shape, latent: latent.shape.slice(1) as [number, number, number] },
    embeddings: Float32Array.from(await vectors.data()),
    latent: Float32Array.from(await latent.data()),
  }
  tf.dispose([vectors, latent])
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

/** What a photo's random numbers are keyed by: its pixels, so that neither its name nor its place in a folder matters. */
function contentHash({ width, height, data }: Image): string {
  return sha256Hex(`${width}x${height}`, data)
}
