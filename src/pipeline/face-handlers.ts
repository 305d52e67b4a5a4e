/** The work on faces in a worker process, one piece of it at a time. */
import { useBackend } from '../backend/index.ts'
import { guidesOf, type Recipe } from '../config/recipe.ts'
import { compareFaces } from '../faces/compare.ts'
import { type DetectOptions, detectFaces, type Face } from '../faces/detect.ts'
import { loadRecognizer, type RecognizerName, recognizerNames } from '../faces/recognizers.ts'
import { detectSsd, type SsdFace } from '../faces/ssd-mobilenet.ts'
import { readImage } from '../images/codec.node.ts'
import type { Handler } from '../jobs/job.ts'
import type { FaceKey } from '../keys/key.ts'
import { type Packed, packImage, packKey, unpackImage, unpackKey } from '../keys/packed.ts'
import { type Embeddings, embedViews, type FaceView } from './check-result.ts'
import { loadModelOnce } from './model-once.ts'
import { keyOfPhotoFace, type PhotoFace, protectPhotoFace, recoverFromKey, type UnboundKey } from './photo.ts'
import { type PhotoSearch, searchPhoto } from './photo-search.ts'

/** A face of a photo as JSON. */
export type PackedFace = Omit<PhotoFace, 'face'> & { readonly face: string }

export interface Picture {
  /** The photo's file in base64. */
  readonly photo: string
}

export interface Detect extends Picture {
  readonly options?: DetectOptions
}

/** Versions or the key of a face, as the recipe says. */
export interface OfFace {
  readonly recipe: Recipe
  readonly face: PackedFace
  readonly round?: number | undefined
}

export interface Recover {
  readonly model: string
  readonly key: Packed<FaceKey>
}

/** Views with their pictures packed. */
export interface Embed {
  readonly views: readonly (Omit<FaceView, 'image'> & { readonly image: string })[]
  readonly recognizer: RecognizerName
}

export interface Compare {
  /** Aligned faces. */
  readonly faces: readonly string[]
}

/** What was made, and how long that took in seconds, loading apart. */
export interface Made<T> {
  readonly result: T
  readonly seconds: number
}

const detect: Handler<Detect, Face[]> = async ({ photo, options }, { here }) => {
  await useBackend(here.backend)
  return detectFaces(await readImage(Buffer.from(photo, 'base64')), options)
}

const ssd: Handler<Picture, SsdFace[]> = async ({ photo }, { here }) => {
  await useBackend(here.backend)
  return detectSsd(await readImage(Buffer.from(photo, 'base64')), { inputSize: [256, 512] })
}

const search: Handler<Picture, PhotoSearch> = async ({ photo }, { here }) => {
  await useBackend(here.backend)
  return searchPhoto(await readImage(Buffer.from(photo, 'base64')))
}

const embed: Handler<Embed, Embeddings[]> = async ({ views, recognizer }, { here }) => {
  await useBackend(here.backend)
  const unpacked = views.map(async ({ image, ...view }) => ({ ...view, image: await unpackImage(image) }))
  return embedViews(await Promise.all(unpacked), recognizer)
}

const protect: Handler<OfFace, Made<string[]>> = async ({ recipe, face, round }, { here, onProgress }) => {
  await useBackend(here.backend)
  const model = await loadModelOnce(recipe.model)
  const guides = await Promise.all(guidesOf(recipe).map(loadRecognizer))
  return timed(async () => {
    const versions = await protectPhotoFace(model, guides, await unpackFace(face), recipe, {
      round,
      onStep: onProgress,
    })
    return Promise.all(versions.map(packImage))
  })
}

const key: Handler<OfFace, Made<Packed<UnboundKey>>> = async ({ recipe, face }, { here }) => {
  await useBackend(here.backend)
  const model = await loadModelOnce(recipe.model)
  return timed(async () => packKey(await keyOfPhotoFace(model, await unpackFace(face), recipe)))
}

const recover: Handler<Recover, Made<string>> = async ({ model: name, key }, { here }) => {
  await useBackend(here.backend)
  const model = await loadModelOnce(name)
  return timed(async () => {
    const [face] = await recoverFromKey(model, unpackKey<FaceKey>(key))
    return packImage(face!)
  })
}

const compare: Handler<Compare, Record<string, number>[]> = async ({ faces }, { here }) => {
  await useBackend(here.backend)
  const recognizers = await Promise.all(recognizerNames.map(loadRecognizer))
  return compareFaces(await Promise.all(faces.map(unpackImage)), recognizers)
}

export const handlers = { search, embed, detect, detectSsd: ssd, protect, key, recover, compare }

async function unpackFace({ face, ...rest }: PackedFace): Promise<PhotoFace> {
  return { ...rest, face: await unpackImage(face) }
}

async function timed<T>(make: () => Promise<T>): Promise<Made<T>> {
  const started = performance.now()
  return { result: await make(), seconds: (performance.now() - started) / 1000 }
}
