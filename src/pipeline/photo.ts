/**
 * A photo protected whole: its faces searched and judged, replaced or covered, compared with the originals, and sampled again
 * or covered where they are still recognised. Where the work on single faces is done is left to `FaceWork`.
 */
import type { Recipe } from '../config/recipe.ts'
import type { FaceProblem } from '../faces/judge-face.ts'
import type { RecognizerName } from '../faces/recognizers.ts'
import type { Image } from '../images/image.ts'
import { mapConcurrently } from '../jobs/concurrency.ts'
import type { Recognizer } from '../models/recognizers/recognizer.ts'
import { UserError } from '../util/errors.ts'
import { freshSecret, type Randomness, type Secret } from '../util/random.ts'
import { type Checker, checkFace, type Embeddings, embedViews, type FaceView, passes, viewOf } from './check-result.ts'
import { assemblePhoto, composePhoto, type FaceSample, type ProtectedPhoto } from './compose-photo.ts'
import type { FaceModel } from './model.ts'
import { cutFaces, type OpenPhotoFace, openPhotoFace, type PhotoFace, type UnboundKey } from './photo-face.ts'
import type { FaceCheck, PhotoReport } from './photo-report.ts'
import { NoFaceError, type PhotoSearch, searchPhoto } from './photo-report.ts'

/** The work on the faces of one photo, in this process or in others. */
export interface FaceWork {
  /** Whether several pieces of it may be asked for at once. */
  readonly sideBySide: boolean
  /** @see searchPhoto */
  search(): Promise<PhotoSearch>
  /** @see protectPhotoFace */
  protect(
    face: PhotoFace,
    recipe: Recipe,
    options: { readonly round: number; readonly onStep?: (step: number, steps: number) => void },
  ): Promise<readonly Image[]>
  /** @see keyOfPhotoFace */
  key(face: PhotoFace, recipe: Recipe): Promise<UnboundKey>
  /** @see embedViews */
  embed(views: readonly FaceView[], recognizer: RecognizerName): Promise<readonly Embeddings[]>
}

/** What becomes of faces that cannot be given a new one: covered by a strong blur, or their photo refused. */
export const fallbacks = ['blur', 'refuse'] as const
export type Fallback = (typeof fallbacks)[number]

/** How results are made sure of. */
export interface Safeguards {
  readonly fallback: Fallback
  /** Whether faces of the result are compared with those of the original. */
  readonly check: boolean
}

export interface ProtectByOptions {
  readonly randomness: Randomness
  /** 'blur' by default. */
  readonly fallback?: Fallback | undefined
  /** Checks the result; it is not checked by default. */
  readonly checker?: Checker | undefined
  /** Told before each step: which face of how many, which step of how many. */
  readonly onStep?: ((face: number, faces: number, step: number, steps: number) => void) | undefined
}

/** How often a face that its check refuses is sampled again, each time from the next candidates. */
const mostRounds = 2

/** Means a side that covers leave of a face: at first, and where that is still recognised. */
const coverCells = [5, 3, 2] as const

/** A face on its way: its samples, and what is known of it. */
interface Work {
  readonly face: PhotoFace
  readonly samples: FaceSample[]
  readonly key: UnboundKey
  problem: FaceProblem | undefined
  resampled: number
  checks: FaceCheck[]
  /** Of hidden faces, the most recognised of the samples that were refused, one a version. */
  best: { sample: FaceSample; check: FaceCheck }[]
}

/**
 * Protects every face of a photo.
 * @throws NoFaceError when there is none; UserError when a face would have to be covered and the fallback is 'refuse'
 */
export async function protectPhotoBy(
  work: FaceWork,
  model: Pick<FaceModel, 'imageSize' | 'alignment'>,
  photo: Image,
  recipe: Recipe,
  { randomness, fallback = 'blur', checker, onStep }: ProtectByOptions,
): Promise<ProtectedPhoto> {
  const { faces: found, ...search } = await work.search()
  if (found.length === 0) throw new NoFaceError({ ...search, width: photo.width, height: photo.height })
  const refuse = (faces: readonly { readonly problem?: FaceProblem | undefined }[]) => {
    if (fallback === 'refuse') refuseCovers(faces)
  }
  refuse(found)
  const cut = await cutFaces(model, photo, found, randomness)
  const done = await each(cut, work.sideBySide, async (face, i): Promise<Work> => {
    const told = onStep && ((step: number, steps: number) => onStep(i, cut.length, step, steps))
    const { problem } = found[i]!
    const cover = Array.from({ length: recipe.samples }, () => ({ cells: coverCells[0] }))
    const making = problem ? cover : work.protect(face, recipe, { round: 0, ...(told && { onStep: told }) })
    const [samples, key] = work.sideBySide
      ? await Promise.all([making, work.key(face, recipe)])
      : [await making, await work.key(face, recipe)]
    return { face, samples: [...samples], key, problem, resampled: 0, checks: [], best: [] }
  })
  if (checker) await checkAll(work, photo, recipe, done, checker)
  refuse(done)
  const assembled = await assemblePhoto(
    photo,
    done.map(({ face, samples, key }) => ({ ...face, samples, key })),
  )
  const report: PhotoReport = {
    width: photo.width,
    height: photo.height,
    faces: done.map(({ face: { found }, problem, resampled, checks }) => ({
      box: found.box,
      score: found.score,
      ...(problem && { covered: problem }),
      resampled,
      checks,
    })),
    ...search,
    ...(checker && { checkedBy: checker.recognizer }),
  }
  return { ...assembled, report }
}

/** Checks every version until all faces are as the task wants them, or nothing more can be done. */
async function checkAll(
  work: FaceWork,
  photo: Image,
  recipe: Recipe,
  faces: readonly Work[],
  { recognizer, threshold }: Checker,
): Promise<void> {
  const embed = async (picture: Image, again: boolean) => {
    const views = faces.map(({ face }) => viewOf(picture, face.found, again))
    return (await each(views, work.sideBySide, async view => work.embed([view], recognizer))).flat()
  }
  const originals = await embed(photo, false)
  let versions = Array.from({ length: recipe.samples }, (_, i) => i)
  for (let round = 1; versions.length > 0; round++) {
    const failed = new Map<Work, number[]>()
    for (const i of versions) {
      const version = faces.map(({ face, samples }) => ({ ...face, sample: samples[i]! }))
      const embeddings = await embed(composePhoto(photo, version), true)
      for (const [k, face] of faces.entries()) {
        const check = checkFace(recipe.task, embeddings[k]!, originals, k, threshold)
        face.checks[i] = check
        const sample = face.samples[i]!
        if (passes(recipe.task, check) || ('cells' in sample && recipe.task === 'hide')) continue
        if (!face.best[i] || check.similarity > face.best[i].check.similarity) face.best[i] = { sample, check }
        failed.set(face, [...(failed.get(face) ?? []), i])
      }
    }
    const changed = new Set<number>()
    const mending = await each([...failed], work.sideBySide, async ([face, samples]) => {
      const isMended = await mend(work, recipe, face, samples, round)
      return isMended ? samples : []
    })
    for (const i of mending.flat()) changed.add(i)
    versions = [...changed].sort((a, b) => a - b)
  }
  if (recipe.task !== 'hide') return
  // Of those that were never recognised, what comes nearest to that.
  for (const { samples, checks, best } of faces)
    for (const [i, check] of checks.entries())
      if (best[i] && !passes('hide', check)) {
        samples[i] = best[i].sample
        checks[i] = best[i].check
      }
}

/**
 * Changes samples of a face that their check refused: sampled again, and then, of anonymized faces, covered ever more
 * strongly. @returns false when nothing more can be done
 */
async function mend(
  work: FaceWork,
  recipe: Recipe,
  face: Work,
  samples: readonly number[],
  round: number,
): Promise<boolean> {
  if (!face.problem && round <= mostRounds) {
    const versions = await work.protect(face.face, recipe, { round })
    for (const i of samples) face.samples[i] = versions[i]!
    face.resampled = round
    return true
  }
  if (recipe.task === 'hide') return false
  face.problem ??= { reason: 'recognised', detail: `in ${1 + mostRounds} attempts` }
  let isMended = false
  for (const i of samples) {
    const sample = face.samples[i]!
    const next = 'cells' in sample ? coverCells[coverCells.indexOf(sample.cells as 5) + 1] : coverCells[0]
    if (next === undefined) continue
    face.samples[i] = { cells: next }
    isMended = true
  }
  return isMended
}

function refuseCovers(faces: readonly { readonly problem?: FaceProblem | undefined }[]): void {
  const problems = faces.flatMap(({ problem }, i) =>
    problem ? [`face ${i + 1} is ${problem.reason} (${problem.detail})`] : [],
  )
  if (problems.length > 0)
    throw new UserError(`cannot give every face a new one: ${problems.join(', ')}: --fallback blur covers such faces`)
}

/** `work` on each of the items, side by side or one after the other. */
function each<T, R>(
  items: readonly T[],
  sideBySide: boolean,
  work: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  return mapConcurrently(items, sideBySide ? items.length : 1, work)
}

export interface ProtectPhotoOptions extends Omit<ProtectByOptions, 'randomness'> {
  /** What random numbers come from where the recipe has no seed: a fresh one by default. */
  readonly secret?: Secret | undefined
}

/** Protects every face of a photo in this process. @throws UserError as `protectPhotoBy` */
export async function protectPhoto(
  model: FaceModel,
  guides: readonly Recognizer[],
  photo: Image,
  recipe: Recipe,
  { secret = freshSecret(), ...options }: ProtectPhotoOptions = {},
): Promise<ProtectedPhoto> {
  const faces = openFaces(face => openPhotoFace(model, guides, face, recipe))
  const work: FaceWork = {
    sideBySide: false,
    search: () => searchPhoto(photo),
    protect: (face, _, options) => faces.of(face).protect(options),
    key: face => faces.of(face).key(),
    embed: embedViews,
  }
  return protectPhotoBy(work, model, photo, recipe, { randomness: recipe.seed ?? secret, ...options }).finally(() =>
    faces.dispose(),
  )
}

/** Faces of a photo that stay open at once: what is computed of each is tens of megabytes. */
const mostOpen = 4

/** Opens faces when they are needed; the one that was opened first is given up for the next. */
function openFaces(open: (face: PhotoFace) => OpenPhotoFace) {
  const opened = new Map<PhotoFace, OpenPhotoFace>()
  return {
    of(face: PhotoFace): OpenPhotoFace {
      const known = opened.get(face)
      if (known) return known
      for (const [first, { dispose }] of opened) {
        if (opened.size < mostOpen) break
        dispose()
        opened.delete(first)
      }
      const made = open(face)
      opened.set(face, made)
      return made
    },
    dispose() {
      for (const { dispose } of opened.values()) dispose()
    },
  }
}
