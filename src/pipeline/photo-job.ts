/** A photo protected by a worker, perhaps on another machine: the photo goes there and comes back; keys are written here. */
import { useBackend } from '../backend/index.ts'
import { guidesOf, type Recipe } from '../config/recipe.ts'
import { type Image, readImage } from '../data/image.ts'
import { loadRecognizer } from '../faces/recognizers.ts'
import type { Handler } from '../jobs/job.ts'
import { type Packed, packImage, packKey, unpackImage, unpackKey } from '../keys/packed.ts'
import { loadModelOnce } from './model-once.ts'
import { protectPhoto, type UnboundKey } from './photo.ts'
import { type RunRecord, recognizerWeights, softwareOf } from './run-record.ts'

export interface PhotoTask {
  readonly recipe: Recipe
  /** The photo's file in base64. */
  readonly photo: string
}

export interface PhotoResult {
  /** The protected versions as PNG in base64. */
  readonly photos: readonly string[]
  readonly keys: readonly Packed<UnboundKey>[]
  readonly software: RunRecord['software']
  readonly weights: RunRecord['weights']
}

/** Protects every face of a photo. @throws UserError when it is no picture or shows no face */
export const protectPhotoJob: Handler<PhotoTask, PhotoResult> = async ({ recipe, photo }, { here, onProgress }) => {
  const backend = await useBackend(here.backend ?? recipe.backend)
  const model = await loadModelOnce(recipe.model)
  const guides = await Promise.all(guidesOf(recipe).map(loadRecognizer))
  const image = await readImage(Buffer.from(photo, 'base64'), 'the photo')
  const { faces, photos } = await protectPhoto(model, guides, image, recipe, {
    onStep: (face, of, step, steps) => onProgress(face * steps + step, of * steps),
  })
  return {
    photos: await Promise.all(photos.map(packImage)),
    keys: faces.map(({ key }) => packKey(key)),
    software: await softwareOf(backend),
    weights: { [model.name]: model.sha256, ...(await recognizerWeights(guidesOf(recipe))) },
  }
}

/** What a worker sent, as `writeProtected` takes it. */
export async function unpackPhoto({
  photos,
  keys,
}: PhotoResult): Promise<{ faces: { key: UnboundKey }[]; photos: Image[] }> {
  return {
    faces: keys.map(key => ({ key: unpackKey(key) })),
    photos: await Promise.all(photos.map(unpackImage)),
  }
}
