/** The work on faces, done by the processes of a pool: several faces, or several parts of one, at once. */
import { randomUUID } from 'node:crypto'
import { tmpdir } from 'node:os'
import type { Recipe } from '../config/recipe.ts'
import type { DetectOptions, Face } from '../faces/detect.ts'
import type { RecognizerName } from '../faces/recognizers.ts'
import type { SsdFace } from '../faces/ssd-mobilenet.ts'
import type { Image } from '../images/image.ts'
import { asMistake, type Pool } from '../jobs/job.ts'
import { processPool } from '../jobs/process-pool.ts'
import type { FaceKey } from '../keys/key.ts'
import { packImage, packKey, unpackImage, unpackKey } from '../keys/packed.ts'
import type { Embeddings, FaceView } from './check-result.ts'
import type { Compare, Detect, Embed, handlers, Made, OfFace, Picture, Recover } from './face-handlers.ts'
import type { PhotoFace, UnboundKey } from './photo.ts'
import type { PhotoSearch } from './photo-search.ts'

export interface WorkOptions {
  /** Of the work that waits, one of the lowest turn is done next; 0 unless given. */
  readonly turn?: number
  /** Told of each step. */
  readonly onStep?: (step: number, steps: number) => void
}

/** Every promise is rejected with a UserError for what the user can mend. */
export interface FaceWorkers {
  /** @see detectFaces */
  detect(photo: Uint8Array, options?: DetectOptions & WorkOptions): Promise<Face[]>
  /** @see searchPhoto */
  search(photo: Uint8Array, options?: WorkOptions): Promise<PhotoSearch>
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

/** A pool whose processes do the work on faces on `backend`. */
export function facePool(jobs: number, backend: string): Pool {
  const handlers = new URL('./face-handlers.ts', import.meta.url)
  return processPool({ jobs, handlers, scratch: tmpdir(), here: { backend } })
}

/** What the processes of `pool` do, as functions of pictures and keys. */
export function faceWorkers(pool: Pool): FaceWorkers {
  const run = async <Input>(kind: keyof typeof handlers, input: Input, { turn, onStep }: WorkOptions = {}) =>
    pool.run({ id: randomUUID(), kind, input, turn }, onStep).catch(asMistake)
  const ofFace = async (
    kind: 'protect' | 'key',
    { face, ...rest }: PhotoFace,
    recipe: Recipe,
    { round, ...options }: WorkOptions & { round?: number } = {},
  ) => run<OfFace>(kind, { recipe, round, face: { ...rest, face: await packImage(face) } }, options)
  return {
    async detect(photo, { turn, onStep, ...options } = {}) {
      const input: Detect = { photo: Buffer.from(photo).toString('base64'), options }
      return (await run('detect', input, { turn })) as Result<'detect'>
    },
    async search(photo, options) {
      const input: Picture = { photo: Buffer.from(photo).toString('base64') }
      return (await run('search', input, options)) as Result<'search'>
    },
    async embed(views, recognizer, options) {
      const packed = views.map(async ({ image, ...view }) => ({ ...view, image: await packImage(image) }))
      const input: Embed = { views: await Promise.all(packed), recognizer }
      return (await run('embed', input, options)) as Result<'embed'>
    },
    async detectSsd(photo, options) {
      const input: Picture = { photo: Buffer.from(photo).toString('base64') }
      return (await run('detectSsd', input, options)) as Result<'detectSsd'>
    },
    async protect(face, recipe, options) {
      const { result, seconds } = (await ofFace('protect', face, recipe, options)) as Result<'protect'>
      return { result: await Promise.all(result.map(unpackImage)), seconds }
    },
    async key(face, recipe, options) {
      const { result, seconds } = (await ofFace('key', face, recipe, options)) as Result<'key'>
      return { result: unpackKey<UnboundKey>(result), seconds }
    },
    async recover(model, key, options) {
      const { result, seconds } = (await run<Recover>(
        'recover',
        { model, key: packKey(key) },
        options,
      )) as Result<'recover'>
      return { result: await unpackImage(result), seconds }
    },
    async compare(faces, options) {
      const input: Compare = { faces: await Promise.all(faces.map(packImage)) }
      return (await run('compare', input, options)) as Result<'compare'>
    },
  }
}

type Result<Kind extends keyof typeof handlers> = Awaited<ReturnType<(typeof handlers)[Kind]>>
