/** What protects photo files, in this process, in several or where the workers of a queue are, and what it did it with. */
import { sha256Hex } from '#sha256'
import { type BackendName, useBackend } from '../backend/index.ts'
import { loadModelConfig } from '../config/model.ts'
import { type GuideName, guidesOf, type Recipe } from '../config/recipe.ts'
import { readBytes, readImage } from '../images/codec.ts'
import { JobError, type Jobs } from '../jobs/jobs.ts'
import { UserError } from '../util/errors.ts'
import { freshSecret, type Secret } from '../util/random.ts'
import { type Checker, loadChecker } from './check-result.ts'
import type { ProtectedVersions } from './compose-photo.ts'
import { openRecipe } from './open.ts'
import { type FaceWork, type ProtectPhotoOptions, protectPhotoBy, type Safeguards } from './photo.ts'
import type { CommitPhoto } from './photo-record.ts'
import type { PhotoReport } from './photo-report.ts'
import { NoFaceError } from './photo-report.ts'
import { type KeyContents, writeProtected } from './protect-file.ts'
import { type RunRecord, recognizerWeights, softwareOf } from './run-record.ts'
import { faceWorkers, protectPhotoTask, readVersions } from './tasks.ts'

export interface ProtectedFile extends Pick<RunRecord, 'software' | 'weights'> {
  readonly faces: number
  /** What its random numbers came from, where that was no seed. */
  readonly secret?: Secret | undefined
  readonly report: PhotoReport
}

export interface ProtectorOptions {
  readonly keys?: KeyContents | undefined
  readonly safeguards?: Safeguards | undefined
  /** Puts files in their places, where a record goes with them. */
  readonly commit?: CommitPhoto | undefined
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
  { keys, safeguards: { fallback, check } = noSafeguards, commit }: ProtectorOptions = {},
): Promise<Protector> {
  const checker = check ? await loadChecker(recipe) : undefined
  const backend = await useBackend(recipe.backend)
  const { model, protectPhoto } = await openRecipe(recipe)
  const used = {
    software: await softwareOf(backend),
    weights: { [model.name]: model.sha256, ...(await recognizerWeights(recognizersOf(recipe, checker))) },
  }
  const protect: Protect = async (bytes, path, onStep) => ({
    ...(await protectPhoto(await readImage(bytes, path), { onStep, fallback, checker })),
    ...used,
  })
  return fileProtector(protect, keys, commit)
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
  { keys, safeguards: { fallback, check } = noSafeguards, commit }: ProtectorOptions = {},
): Promise<Protector> {
  const checker = check ? await loadChecker(recipe) : undefined
  const workers = faceWorkers(jobs)
  const model = await loadModelConfig(recipe.model)
  const software = await softwareOf(backend, jobs.slots)
  const recognizers = await recognizerWeights(recognizersOf(recipe, checker))
  let asked = 0
  const protect: Protect = async (bytes, path, onStep) => {
    // The photos one after the other, whichever of their faces are found first.
    const priority = asked++
    const photo = await readImage(bytes, path)
    const work: FaceWork = {
      sideBySide: true,
      search: () => workers.search(photo, { priority }),
      protect: async (face, recipe, options) => (await workers.protect(face, recipe, { priority, ...options })).result,
      key: async (face, recipe) => (await workers.key(face, recipe, { priority })).result,
      embed: (views, recognizer) => workers.embed(views, recognizer, { priority }),
    }
    const randomness = recipe.seed ?? freshSecret()
    const made = await protectPhotoBy(work, model, photo, recipe, { randomness, fallback, checker, onStep })
    const { name, sha256 } = made.faces[0]!.key.model
    return { ...made, software, weights: { [name]: sha256, ...recognizers } }
  }
  return fileProtector(protect, keys, commit)
}

/** By the workers of a queue, a photo each. They see the photos; the key files, and what encrypts them, stay here. */
export function queueProtector(
  jobs: Jobs,
  recipe: Recipe,
  { keys, safeguards = noSafeguards, commit }: ProtectorOptions = {},
): Protector {
  const protect: Protect = async photo => {
    // Not of the id: what an interrupted run left in the queue, made with another secret, is as good.
    const input = { recipe, photo, secret: freshSecret(), safeguards }
    const id = sha256Hex(JSON.stringify([recipe, safeguards]), photo).slice(0, 32)
    return readVersions(await jobs.run(protectPhotoTask, input, { id }))
  }
  return fileProtector(protect, keys, commit)
}

/** Protects a photo's file, wherever that is done. A photo without faces has no versions, or is a NoFaceError. */
type Protect = (
  bytes: Uint8Array,
  path: string,
  onStep: ProtectPhotoOptions['onStep'],
) => Promise<ProtectedVersions & Pick<RunRecord, 'software' | 'weights'> & { readonly report: PhotoReport }>

/** What protects files by what protects photos. */
function fileProtector(protect: Protect, keys: KeyContents = {}, commit?: CommitPhoto): Protector {
  return async (path, outputs, onStep) => {
    const bytes = await readBytes(path)
    const made = await protect(bytes, path, onStep).catch(withPath(path))
    const { faces, report, secret, software, weights } = made
    if (faces.length === 0) throw new NoFaceError(report, path)
    await writeProtected(made, outputs, {
      encryption: keys.encryption,
      original: keys.exact === 'lossless' ? bytes : undefined,
      ...(commit && { commit: files => commit({ path, bytes, secret, software, weights }, files) }),
    })
    return { faces: faces.length, secret, report, software, weights }
  }
}

/** The recognizers that have a part in what a recipe makes: those that guide it, and the one that checks it. */
function recognizersOf(recipe: Recipe, checker: Checker | undefined): readonly GuideName[] {
  return [...guidesOf(recipe), ...(checker ? [checker.recognizer] : [])]
}

/** Throws an error with the path of its photo in the message, so that others are still done. */
function withPath(path: string): (error: unknown) => never {
  return error => {
    if (error instanceof NoFaceError) throw new NoFaceError(error.search, path)
    if (error instanceof JobError) throw new UserError(`${path}: unexpected: ${error.message}`)
    const isNameless = error instanceof UserError && !error.message.includes(path)
    throw isNameless ? new UserError(`${path}: ${error.message}`) : error
  }
}
