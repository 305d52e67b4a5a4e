/** A photo protected by a worker, perhaps on another machine: the photo goes there and comes back; keys are written here. */
import { useBackend } from '../backend/index.ts'
import { guidesOf, type Recipe } from '../config/recipe.ts'
import { loadRecognizer } from '../faces/recognizers.ts'
import { encodeImage, readImage } from '../images/codec.ts'
import { defineTask } from '../jobs/task.ts'
import type { Secret } from '../util/random.ts'
import { loadChecker } from './check-result.ts'
import type { ProtectedPhoto } from './compose-photo.ts'
import { loadModelOnce } from './model.ts'
import { protectPhoto, type Safeguards } from './photo.ts'
import type { UnboundKey } from './photo-face.ts'
import { NoFaceError } from './photo-report.ts'
import { type RunRecord, recognizerWeights, softwareOf } from './run-record.ts'

export interface PhotoInput {
  readonly recipe: Recipe
  /** The photo's file. */
  readonly photo: Uint8Array
  /** What random numbers come from, unless the recipe has a seed. */
  readonly secret: Secret
  readonly safeguards: Safeguards
}

export interface PhotoResult extends Pick<ProtectedPhoto, 'secret' | 'report'> {
  /** The protected versions as PNG: the pixels themselves are too much for a queue. */
  readonly photos: readonly Uint8Array[]
  readonly keys: readonly UnboundKey[]
  readonly software: RunRecord['software']
  readonly weights: RunRecord['weights']
}

/** Protects every face of a photo; of one without a face there are no versions. @throws UserError when it is no picture */
export const protectPhotoTask = defineTask(
  'photo',
  import.meta.url,
  async ({ recipe, photo, secret, safeguards }: PhotoInput, { environment, onProgress }): Promise<PhotoResult> => {
    const backend = await useBackend(environment.backend ?? recipe.backend)
    const model = await loadModelOnce(recipe.model)
    const guides = await Promise.all(guidesOf(recipe).map(loadRecognizer))
    const image = await readImage(photo, 'the photo')
    const checker = safeguards.check ? await loadChecker(recipe) : undefined
    const recognizers = [...guidesOf(recipe), ...(checker ? [checker.recognizer] : [])]
    const { faces, photos, ...made } = await protectPhoto(model, guides, image, recipe, {
      secret,
      fallback: safeguards.fallback,
      checker,
      onStep: (face, of, step, steps) => onProgress(face * steps + step, of * steps),
    }).catch((error: unknown): ProtectedPhoto => {
      if (!(error instanceof NoFaceError)) throw error
      return { faces: [], photos: [], report: { ...error.search, faces: [] } }
    })
    return {
      ...made,
      photos: await Promise.all(photos.map(image => encodeImage(image, 'png'))),
      keys: faces.map(({ key }) => key),
      software: await softwareOf(backend),
      weights: { [model.name]: model.sha256, ...(await recognizerWeights(recognizers)) },
    }
  },
)

/** What a worker sent, with its pictures decoded. */
export async function readVersions({ photos, keys, ...made }: PhotoResult) {
  return {
    ...made,
    faces: keys.map(key => ({ key })),
    photos: await Promise.all(photos.map(photo => readImage(photo))),
  }
}
