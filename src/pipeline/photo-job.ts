/** A photo protected by a worker, perhaps on another machine: the photo goes there and comes back; keys are written here. */
import { useBackend } from '../backend/index.ts'
import { guidesOf, type Recipe } from '../config/recipe.ts'
import { loadRecognizer } from '../faces/recognizers.ts'
import { readImage } from '../images/codec.node.ts'
import type { Handler } from '../jobs/job.ts'
import { type Packed, packImage, packKey, unpackImage, unpackKey } from '../keys/packed.ts'
import type { Secret } from '../util/random.ts'
import { loadChecker } from './check-result.ts'
import { loadModelOnce } from './model-once.ts'
import type { ProtectedPhoto, UnboundKey } from './photo.ts'
import { NoFaceError } from './photo-search.ts'
import { protectPhoto, type Safeguards } from './protect-photo.ts'
import { type RunRecord, recognizerWeights, softwareOf } from './run-record.ts'

export interface PhotoTask {
  readonly recipe: Recipe
  /** The photo's file in base64. */
  readonly photo: string
  /** What random numbers come from, unless the recipe has a seed. */
  readonly secret: Secret
  readonly safeguards: Safeguards
}

export interface PhotoResult extends Pick<ProtectedPhoto, 'secret' | 'report'> {
  /** The protected versions as PNG in base64. */
  readonly photos: readonly string[]
  readonly keys: readonly Packed<UnboundKey>[]
  readonly software: RunRecord['software']
  readonly weights: RunRecord['weights']
}

/** Protects every face of a photo; of one without a face there are no versions. @throws UserError when it is no picture */
export const protectPhotoJob: Handler<PhotoTask, PhotoResult> = async (
  { recipe, photo, secret, safeguards },
  { here, onProgress },
) => {
  const backend = await useBackend(here.backend ?? recipe.backend)
  const model = await loadModelOnce(recipe.model)
  const guides = await Promise.all(guidesOf(recipe).map(loadRecognizer))
  const image = await readImage(Buffer.from(photo, 'base64'), 'the photo')
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
    photos: await Promise.all(photos.map(packImage)),
    keys: faces.map(({ key }) => packKey(key)),
    software: await softwareOf(backend),
    weights: { [model.name]: model.sha256, ...(await recognizerWeights(recognizers)) },
  }
}

/** What a worker sent, as `writeProtected` takes it. */
export async function unpackPhoto({
  photos,
  keys,
  secret,
  report,
}: PhotoResult): Promise<{ faces: { key: UnboundKey }[] } & Pick<ProtectedPhoto, 'photos' | 'secret' | 'report'>> {
  return {
    secret,
    report,
    faces: keys.map(key => ({ key: unpackKey(key) })),
    photos: await Promise.all(photos.map(unpackImage)),
  }
}
