/** What protects photo files, in this process, in several or where the workers of a queue are, and what it did it with. */
import { createHash } from 'node:crypto'
import { type BackendName, useBackend } from '../backend/index.ts'
import { loadModelConfig } from '../config/model.ts'
import { type GuideName, guidesOf, type Recipe } from '../config/recipe.ts'
import { readBytes, readImage } from '../data/image.ts'
import { freshSecret, type Secret } from '../data/keyed-words.ts'
import { loadRecognizer } from '../faces/recognizers.ts'
import { asMistake, JobError, type Pool } from '../jobs/job.ts'
import { isEncrypting } from '../keys/age.ts'
import { UserError } from '../util/errors.ts'
import { type Checker, loadChecker } from './check-result.ts'
import { faceWorkers } from './face-workers.ts'
import { loadModel } from './model.ts'
import { keyPath } from './output-files.ts'
import { type PhotoResult, type PhotoTask, unpackPhoto } from './photo-job.ts'
import type { PhotoReport } from './photo-report.ts'
import { NoFaceError } from './photo-search.ts'
import { type KeyContents, protectFile, writeProtected } from './protect-file.ts'
import { type FaceWork, type ProtectPhotoOptions, protectPhotoBy, type Safeguards } from './protect-photo.ts'
import { pathFrom, type RunRecord, recognizerWeights, recordFiles, softwareOf } from './run-record.ts'

export interface ProtectedFile extends Pick<RunRecord, 'software' | 'weights'> {
  readonly faces: number
  /** What its random numbers came from, where that was no seed. */
  readonly secret?: Secret | undefined
  readonly report: PhotoReport
}

/** Unless they are given: faces that cannot be replaced are covered, and results are not checked. */
const noSafeguards: Safeguards = { fallback: 'blur', check: false }

/**
 * Protects the photo at `path` into `outputs`, one a sample, each with its key beside it.
 * @throws UserError, beginning with the path, when it is no picture, shows no face, or the outputs cannot be written
 */
export type Protector = (
  path: string,
  outputs: readonly string[],
  onStep?: ProtectPhotoOptions['onStep'],
) => Promise<ProtectedFile>

/** In this process. */
export async function localProtector(
  recipe: Recipe,
  keys: KeyContents = {},
  { fallback, check }: Safeguards = noSafeguards,
): Promise<Protector> {
  const checker = check ? await loadChecker(recipe) : undefined
  const backend = await useBackend(recipe.backend)
  const model = await loadModel(recipe.model)
  const guides = await Promise.all(guidesOf(recipe).map(loadRecognizer))
  const used = {
    software: await softwareOf(backend),
    weights: { [model.name]: model.sha256, ...(await recognizerWeights(recognizersOf(recipe, checker))) },
  }
  return async (path, outputs, onStep) => ({
    ...(await protectFile(model, guides, path, outputs, recipe, { ...keys, onStep, fallback, checker })),
    ...used,
  })
}

/**
 * By processes of this machine, several faces at once: of one photo, or of the photos that are asked for side by side.
 * @param pool a `facePool`
 * @param backend the processes'
 */
export async function parallelProtector(
  pool: Pool,
  recipe: Recipe,
  backend: BackendName,
  keys: KeyContents = {},
  { fallback, check }: Safeguards = noSafeguards,
): Promise<Protector> {
  const checker = check ? await loadChecker(recipe) : undefined
  const workers = faceWorkers(pool)
  const model = await loadModelConfig(recipe.model)
  const software = await softwareOf(backend, pool.slots)
  const recognizers = await recognizerWeights(recognizersOf(recipe, checker))
  let asked = 0
  return async (path, outputs, onStep) => {
    // The photos one after the other, whichever of their faces are found first.
    const turn = asked++
    const bytes = await readBytes(path)
    const photo = await readImage(bytes, path)
    const secret = recipe.seed === undefined ? freshSecret() : undefined
    const work: FaceWork = {
      sideBySide: true,
      search: () => workers.search(bytes, { turn }),
      protect: async (face, recipe, options) => (await workers.protect(face, recipe, { turn, ...options })).result,
      key: async (face, recipe) => (await workers.key(face, recipe, { turn })).result,
      embed: (views, recognizer) => workers.embed(views, recognizer, { turn }),
    }
    const randomness = recipe.seed ?? secret!
    const options = { randomness, fallback, checker, onStep }
    const made = await protectPhotoBy(work, model, photo, recipe, options).catch(blame(path))
    await writeProtected(made, outputs, keysOf(keys, bytes))
    const { name, sha256 } = made.faces[0]!.key.model
    const { faces, report } = made
    return { faces: faces.length, secret, report, software, weights: { [name]: sha256, ...recognizers } }
  }
}

/** By the workers of a queue, a photo each. They see the photos; the key files, and what encrypts them, stay here. */
export function queueProtector(
  pool: Pool,
  recipe: Recipe,
  keys: KeyContents = {},
  safeguards: Safeguards = noSafeguards,
): Protector {
  return async (path, outputs) => {
    const photo = await readBytes(path)
    // Not of the id: what an interrupted run left in the queue, made with another secret, is as good.
    const input: PhotoTask = { recipe, photo: photo.toString('base64'), secret: freshSecret(), safeguards }
    const id = createHash('sha256')
      .update(JSON.stringify([recipe, safeguards]))
      .update(photo)
      .digest('hex')
      .slice(0, 32)
    const result = (await pool.run({ id, kind: 'photo', input }).catch(asMistake).catch(blame(path))) as PhotoResult
    const unpacked = await unpackPhoto(result)
    const { report, secret, software, weights } = result
    if (unpacked.faces.length === 0) throw new NoFaceError(report, path)
    await writeProtected(unpacked, outputs, keysOf(keys, photo))
    return { faces: unpacked.faces.length, secret, report, software, weights }
  }
}

/** What `writeProtected` is told, of the photo's own file where it is to be in the keys. */
function keysOf({ encryption, exact }: KeyContents, file: Uint8Array) {
  return { encryption, original: exact === 'lossless' ? file : undefined }
}

/** The recognizers that have a part in what a recipe makes: those that guide it, and the one that checks it. */
function recognizersOf(recipe: Recipe, checker: Checker | undefined): readonly GuideName[] {
  return [...guidesOf(recipe), ...(checker ? [checker.recognizer] : [])]
}

/** Fails by the name of the photo, so that others are still done. */
function blame(path: string): (error: unknown) => never {
  return error => {
    if (error instanceof NoFaceError) throw new NoFaceError(error.search, path)
    if (error instanceof JobError) throw new UserError(`${path}: unexpected: ${error.message}`)
    throw error instanceof UserError ? new UserError(`${path}: ${error.message}`) : error
  }
}

/** Writes run.json: a run for each machine's software, as photos of a queue may have gone to several. */
export async function recordProtected(
  out: string,
  recipe: Recipe,
  done: readonly (ProtectedFile & { path: string; paths: readonly string[] })[],
  { encryption = {}, exact }: KeyContents,
  safeguards: Safeguards = noSafeguards,
): Promise<void> {
  const runs = new Map<string, (typeof done)[number][]>()
  for (const photo of done) {
    const { software, weights } = photo
    const key = JSON.stringify({ software, weights })
    runs.set(key, [...(runs.get(key) ?? []), photo])
  }
  for (const photos of runs.values()) {
    const { software, weights } = photos[0]!
    const record = {
      command: recipe.task,
      settings: {
        recipe,
        ...safeguards,
        ...(exact && { exact }),
        photos: photos.map(({ path, paths, secret }) => ({
          photo: pathFrom(out, path),
          ...(secret && { secret }),
          outputs: paths.map(output => pathFrom(out, output)),
        })),
      },
      software,
      weights,
      inputs: photos.map(({ path }) => path),
      // Encryption is never twice the same.
      outputs: photos.flatMap(({ paths }) =>
        paths.flatMap(path => (isEncrypting(encryption) ? [path] : [path, keyPath(path)])),
      ),
    }
    await recordFiles(out, record, encryption)
  }
}
