/** The work on faces and photos as tasks, so that it can be done in other processes and on other machines, several pieces at once. */
import { tmpdir } from 'node:os'
import { useBackend } from '../backend/index.ts'
import { guidesOf, type Recipe } from '../config/recipe.ts'
import { type DetectOptions, detectFaces, type Face } from '../faces/detect.ts'
import { compareFaces, loadRecognizer, type RecognizerName, recognizerNames } from '../faces/recognizers.ts'
import { detectSsd, type SsdFace } from '../faces/ssd-mobilenet.ts'
import { encodeImage, readImage } from '../images/codec.ts'
import type { Image } from '../images/image.ts'
import type { JobOptions, Jobs } from '../jobs/jobs.ts'
import { processPool } from '../jobs/process-pool.ts'
import { defineTask, type JobContext, type Task } from '../jobs/task.ts'
import type { FaceKey } from '../keys/key.ts'
import type { Secret } from '../util/random.ts'
import { type Embeddings, embedViews, type FaceView, loadChecker } from './check-result.ts'
import type { ProtectedPhoto } from './compose-photo.ts'
import { loadModelOnce } from './model.ts'
import { protectPhoto, type Safeguards } from './photo.ts'
import { keyOfPhotoFace, type PhotoFace, protectPhotoFace, type UnboundKey } from './photo-face.ts'
import { NoFaceError, type PhotoSearch, searchPhoto } from './photo-report.ts'
import { recoverFromKey } from './recover-photo.ts'
import { type RunRecord, recognizerWeights, softwareOf } from './run-record.ts'

/** What was made, and how long that took in seconds, loading apart. */
export interface Made<T> {
  readonly result: T
  readonly seconds: number
}

/** Versions or the key of a face, as the recipe says. */
interface OfFace {
  readonly recipe: Recipe
  readonly face: PhotoFace
  readonly round?: number | undefined
}

export const search = faceTask('search', searchPhoto)

export const detect = faceTask(
  'detect',
  async ({ photo, options }: { readonly photo: Uint8Array; readonly options?: DetectOptions }): Promise<Face[]> =>
    detectFaces(await readImage(photo), options),
)

export const detectSmall = faceTask(
  'detectSsd',
  async (photo: Uint8Array): Promise<SsdFace[]> => detectSsd(await readImage(photo), { inputSize: [256, 512] }),
)

export const embed = faceTask(
  'embed',
  ({ views, recognizer }: { readonly views: readonly FaceView[]; readonly recognizer: RecognizerName }) =>
    embedViews(views, recognizer),
)

export const protect = faceTask('protect', async ({ recipe, face, round }: OfFace, { onProgress }) => {
  const model = await loadModelOnce(recipe.model)
  const guides = await Promise.all(guidesOf(recipe).map(loadRecognizer))
  return timed(() => protectPhotoFace(model, guides, face, recipe, { round, onStep: onProgress }))
})

export const key = faceTask('key', async ({ recipe, face }: OfFace) => {
  const model = await loadModelOnce(recipe.model)
  return timed(() => keyOfPhotoFace(model, face, recipe))
})

export const recover = faceTask(
  'recover',
  async ({ model: name, key }: { readonly model: string; readonly key: FaceKey }) => {
    const model = await loadModelOnce(name)
    return timed(async () => (await recoverFromKey(model, key))[0]!)
  },
)

export const compare = faceTask('compare', async (faces: readonly Image[]) =>
  compareFaces(faces, await Promise.all(recognizerNames.map(loadRecognizer))),
)

/** Processes of this machine that do the work on faces on `backend`. */
export function faceProcesses(processes: number, backend: string): Jobs {
  return processPool({ processes, scratch: tmpdir(), environment: { backend } })
}

/** @see JobOptions */
export type WorkOptions = Pick<JobOptions, 'priority'> & {
  /** Told of each step. */
  readonly onStep?: (step: number, steps: number) => void
}

/** The work on faces by `jobs`. Every promise is rejected with a UserError for what the user can mend. */
export interface FaceWorkers {
  /** @see detectFaces */
  detect(photo: Uint8Array, options?: WorkOptions): Promise<Face[]>
  /** @see searchPhoto */
  search(photo: Image, options?: WorkOptions): Promise<PhotoSearch>
  /** @see embedViews */
  embed(views: readonly FaceView[], recognizer: RecognizerName, options?: WorkOptions): Promise<Embeddings[]>
  /** SSD MobileNet at 256 and 512 pixels. @see detectSsd */
  detectSsd(photo: Uint8Array, options?: WorkOptions): Promise<SsdFace[]>
  /** @see protectPhotoFace */
  protect(face: PhotoFace, recipe: Recipe, options?: WorkOptions & { round?: number }): Promise<Made<Image[]>>
  /** @see keyOfPhotoFace */
  key(face: PhotoFace, recipe: Recipe, options?: WorkOptions): Promise<Made<UnboundKey>>
  /** @see recoverFromKey */
  recover(model: string, key: FaceKey, options?: WorkOptions): Promise<Made<Image>>
  /** @see compareFaces */
  compare(faces: readonly Image[], options?: WorkOptions): Promise<Record<RecognizerName, number>[]>
}

export function faceWorkers(jobs: Jobs): FaceWorkers {
  const run = <I, O>(task: Task<I, O>, input: I, { priority, onStep }: WorkOptions = {}) =>
    jobs.run(task, input, { priority, onProgress: onStep })
  return {
    detect: (photo, options) => run(detect, { photo }, options),
    search: (photo, options) => run(search, photo, options),
    embed: (views, recognizer, options) => run(embed, { views, recognizer }, options),
    detectSsd: (photo, options) => run(detectSmall, photo, options),
    protect: (face, recipe, { round, ...options } = {}) => run(protect, { recipe, face, round }, options),
    key: (face, recipe, options) => run(key, { recipe, face }, options),
    recover: (model, key, options) => run(recover, { model, key }, options),
    compare: (faces, options) => run(compare, faces, options),
  }
}

/** A task of this module, on the backend that its worker is to use. */
function faceTask<Input, Output>(
  name: string,
  run: (input: Input, context: JobContext) => Promise<Output>,
): Task<Input, Output> {
  return defineTask(name, import.meta.url, async (input: Input, context) => {
    await useBackend(context.environment.backend)
    return run(input, context)
  })
}

async function timed<T>(make: () => Promise<T>): Promise<Made<T>> {
  const started = performance.now()
  return { result: await make(), seconds: (performance.now() - started) / 1000 }
}

// A photo protected by a worker, perhaps on another machine: the photo goes there and comes back; keys are written here.

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
