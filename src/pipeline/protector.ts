/** What protects photo files, in this process, in several or where the workers of a queue are, and what it did it with. */
import { createHash } from 'node:crypto'
import { type BackendName, useBackend } from '../backend/index.ts'
import { loadModelConfig } from '../config/model.ts'
import { type GuideName, guidesOf, type Recipe } from '../config/recipe.ts'
import { loadRecognizer } from '../faces/recognizers.ts'
import { readBytes, readImage } from '../images/codec.ts'
import { JobError, type Jobs } from '../jobs/jobs.ts'
import { UserError } from '../util/errors.ts'
import { freshSecret, type Secret } from '../util/random.ts'
import { type Checker, loadChecker } from './check-result.ts'
import { faceWorkers } from './face-tasks.ts'
import { loadModel } from './model.ts'
import { protectPhotoTask, readVersions } from './photo-job.ts'
import type { CommitPhoto, RecordedPhoto } from './photo-record.ts'
import type { PhotoReport } from './photo-report.ts'
import { NoFaceError } from './photo-search.ts'
import { type KeyContents, protectFile, type WriteProtectedOptions, writeProtected } from './protect-file.ts'
import { type FaceWork, type ProtectPhotoOptions, protectPhotoBy, type Safeguards } from './protect-photo.ts'
import { type RunRecord, recognizerWeights, softwareOf } from './run-record.ts'

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
  commit?: CommitPhoto,
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
    ...(await protectFile(model, guides, path, outputs, recipe, {
      ...keys,
      onStep,
      fallback,
      checker,
      commit: commit && ((bytes, secret, files) => commit({ path, bytes, secret, ...used }, files)),
    })),
    ...used,
  })
}

/**
 * By processes of this machine, several faces at once: of one photo, or of the photos that are asked for side by side.
 * @param jobs `faceProcesses`
 * @param backend the processes'
 */
export async function parallelProtector(
  jobs: Jobs,
  recipe: Recipe,
  backend: BackendName,
  keys: KeyContents = {},
  { fallback, check }: Safeguards = noSafeguards,
  commit?: CommitPhoto,
): Promise<Protector> {
  const checker = check ? await loadChecker(recipe) : undefined
  const workers = faceWorkers(jobs)
  const model = await loadModelConfig(recipe.model)
  const software = await softwareOf(backend, jobs.slots)
  const recognizers = await recognizerWeights(recognizersOf(recipe, checker))
  let asked = 0
  return async (path, outputs, onStep) => {
    // The photos one after the other, whichever of their faces are found first.
    const priority = asked++
    const bytes = await readBytes(path)
    const photo = await readImage(bytes, path)
    const secret = recipe.seed === undefined ? freshSecret() : undefined
    const work: FaceWork = {
      sideBySide: true,
      search: () => workers.search(photo, { priority }),
      protect: async (face, recipe, options) => (await workers.protect(face, recipe, { priority, ...options })).result,
      key: async (face, recipe) => (await workers.key(face, recipe, { priority })).result,
      embed: (views, recognizer) => workers.embed(views, recognizer, { priority }),
    }
    const randomness = recipe.seed ?? secret!
    const options = { randomness, fallback, checker, onStep }
    const made = await protectPhotoBy(work, model, photo, recipe, options).catch(blame(path))
    const { name, sha256 } = made.faces[0]!.key.model
    const used = { software, weights: { [name]: sha256, ...recognizers } }
    await writeProtected(made, outputs, writing(keys, { path, bytes, secret, ...used }, commit))
    const { faces, report } = made
    return { faces: faces.length, secret, report, ...used }
  }
}

/** By the workers of a queue, a photo each. They see the photos; the key files, and what encrypts them, stay here. */
export function queueProtector(
  jobs: Jobs,
  recipe: Recipe,
  keys: KeyContents = {},
  safeguards: Safeguards = noSafeguards,
  commit?: CommitPhoto,
): Protector {
  return async (path, outputs) => {
    const photo = await readBytes(path)
    // Not of the id: what an interrupted run left in the queue, made with another secret, is as good.
    const input = { recipe, photo, secret: freshSecret(), safeguards }
    const id = createHash('sha256')
      .update(JSON.stringify([recipe, safeguards]))
      .update(photo)
      .digest('hex')
      .slice(0, 32)
    const result = await jobs.run(protectPhotoTask, input, { id }).catch(blame(path))
    const { report, secret, software, weights } = result
    const unpacked = await readVersions(result)
    if (unpacked.faces.length === 0) throw new NoFaceError(report, path)
    await writeProtected(unpacked, outputs, writing(keys, { path, bytes: photo, secret, software, weights }, commit))
    return { faces: unpacked.faces.length, secret, report, software, weights }
  }
}

/** What `writeProtected` is told of a photo: its own file, where that is to be in the keys, and how it is recorded. */
function writing(
  { encryption, exact }: KeyContents,
  photo: RecordedPhoto,
  commit: CommitPhoto | undefined,
): WriteProtectedOptions {
  return {
    encryption,
    original: exact === 'lossless' ? photo.bytes : undefined,
    ...(commit && { commit: files => commit(photo, files) }),
  }
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
