/** One face of the demonstration: protected, recovered with the key on disk, and measured. */

import type { BackendName } from '../backend/names.ts'
import { loadModelConfig } from '../config/model.ts'
import { type Recipe, seedOf, stepsTaken } from '../config/recipe.ts'
import type { Alignment } from '../faces/alignment.ts'
import { loadThresholds, type Thresholds } from '../faces/recognizers.ts'
import { wrongKey } from '../keys/key.ts'
import type { PhotoFace } from '../pipeline/photo-face.ts'
import { readProtected } from '../pipeline/recover-file.ts'
import { type FaceWorkers, faceProcesses, faceWorkers, type Made } from '../pipeline/tasks.ts'
import type { FaceFigure, MeasuredFace } from './demo-figures.ts'
import { measureVersions, type RegeneratedFace } from './demo-measure.ts'
import { addProtected, addRecovered, type DemoPhoto, type DemoRecipes, versionsOf } from './demo-photo.ts'

/** What the demonstration works with. */
export interface DemoTools {
  /** Do the work on faces, `jobs` pieces of it at once. */
  readonly workers: FaceWorkers
  readonly jobs: number
  readonly backend: BackendName
  /** Side of the model's faces, and how they are cut out of photos. */
  readonly imageSize: number
  readonly alignment: Alignment
  readonly thresholds: Thresholds
  readonly recipes: DemoRecipes
}

/** Each piece of the work on a face is one of its own: two kinds of versions, and the key. */
export const piecesOfFace = 3

/** Makes the tools ready; processes are started when there is work for them. */
export async function openDemo(
  recipes: DemoRecipes,
  backend: BackendName,
  jobs: number,
): Promise<DemoTools & { close(): Promise<void> }> {
  const { imageSize, alignment } = await loadModelConfig(recipes.anonymize.model)
  const thresholds = await loadThresholds()
  const pool = faceProcesses(jobs, backend)
  return {
    workers: faceWorkers(pool),
    jobs,
    backend,
    imageSize,
    alignment,
    thresholds,
    recipes,
    close: () => pool.close(),
  }
}

/** A face to do. */
export interface ChosenFace {
  readonly photo: DemoPhoto
  readonly face: PhotoFace
  /** Its place among the chosen: the work on the first is done first. */
  readonly priority: number
}

/** What came of a face. */
export interface DoneFace extends ChosenFace {
  readonly measured: MeasuredFace
  readonly figure: FaceFigure
}

/** How a face tells of itself. */
export interface Tell {
  /** So much more is done, in the unit of `Work`. */
  progress(amount: number, doing: string): void
  /** Its anonymized version is on disk with its key. */
  protectedTo(path: string): void
}

/**
 * Protects one face, writes its photo's versions anew, recovers it with the key on disk and measures it all. The anonymized
 * version is on disk as soon as it and its key are there; the hidden one is waited for by nothing but the measurements.
 * @param before ends when the photo's faces before it are done
 */
export async function demonstrateFace(
  { workers, recipes }: Pick<DemoTools, 'workers' | 'recipes'>,
  { photo, face, priority }: ChosenFace,
  before: Promise<unknown> | undefined,
  work: Work,
  { progress, protectedTo }: Tell,
): Promise<DoneFace> {
  const { anonymize, hide } = recipes
  // In the order in which they are told, whichever is done first.
  const seconds = { anonymize: 0, key: 0, hide: 0, regenerate: 0 }
  const timed = async <T>(name: keyof typeof seconds, making: Promise<Made<T>>): Promise<T> => {
    const { result, seconds: taken } = await making
    seconds[name] = round(taken)
    return result
  }
  const protect = (name: 'anonymize' | 'hide', recipe: Recipe, amount: number, doing: string) =>
    timed(name, workers.protect(face, recipe, { priority, onStep: () => progress(amount, doing) }))

  const anonymizing = protect('anonymize', anonymize, work.anonymizeStep, 'anonymizing')
  const makingKey = timed('key', workers.key(face, anonymize, { priority }))
  const hiding = protect('hide', { ...hide, samples: 1 }, work.hideStep, 'hiding')
  const keyed = Promise.all([makingKey, before]).then(([key]) => {
    progress(work.key, 'protecting')
    return key
  })
  const recover = async (): Promise<RegeneratedFace[]> => {
    const [samples, key] = await Promise.all([anonymizing, keyed])
    await addProtected(photo, 'anonymized', { ...face, samples, key })
    const { path } = versionsOf(photo, 'anonymized')[0]!
    protectedTo(path)
    // From here on as the owner of the key does it: from the files.
    const locked = await readProtected(path)
    await addRecovered(photo, locked)
    const right = locked.keys.at(-1)!
    const regenerate = async (kind: RegeneratedFace['kind'], title: string, key: typeof right) => {
      const making = workers.recover(anonymize.model, key, { priority })
      const picture = await (kind === 'regenerated' ? timed('regenerate', making) : making.then(made => made.result))
      progress(work.recover, 'recovering')
      return { kind, title, picture }
    }
    return Promise.all([
      regenerate('regenerated', 'regenerated', right),
      regenerate('wrongKey', 'wrong key', wrongKey(right, seedOf(anonymize))),
    ])
  }
  const writeHidden = async () => {
    const [samples, key] = await Promise.all([hiding, keyed])
    await addProtected(photo, 'hidden', { ...face, samples, key })
  }
  const [regenerated] = await Promise.all([recover(), writeHidden()])

  const { versions, figure } = await measureVersions(workers, photo, face, regenerated, { priority })
  progress(work.measure, 'measured')
  const { index, found } = face
  const measured = { photo: photo.name, face: index, box: found.box, seconds, versions }
  return { photo, face, priority, measured, figure }
}

/** What the parts of the work on a face cost, in evaluations of the denoiser, for the time left. */
export interface Work {
  readonly anonymizeStep: number
  readonly hideStep: number
  readonly key: number
  readonly recover: number
  readonly measure: number
  readonly face: number
}

export function workOf({ anonymize, hide }: DemoRecipes): Work {
  // A guided step also decodes each sample, embeds it, and goes back through both, in each iteration.
  const protecting = ({ guidance, optimization, samples, ...steps }: Recipe) => {
    const taken = stepsTaken(steps)
    return { taken, step: 3 * samples * (guidance.iterations + optimization.steps / taken) + 1 }
  }
  const [anonymizing, hiding] = [protecting(anonymize), protecting({ ...hide, samples: 1 })]
  const { steps, refinements } = anonymize.recovery
  const [key, recover, measure] = [steps * (1 + refinements), steps, 10]
  return {
    anonymizeStep: anonymizing.step,
    hideStep: hiding.step,
    key,
    recover,
    measure,
    face: anonymizing.taken * anonymizing.step + hiding.taken * hiding.step + key + 2 * recover + measure,
  }
}

/** Seconds as they are told: to a tenth. */
export function round(seconds: number): number {
  return Number(seconds.toFixed(1))
}
