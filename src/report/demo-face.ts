/** One face of the demonstration: protected, recovered by the key on disk, and measured. */
import { type Recipe, stepsTaken } from '../config/recipe.ts'
import { readImage } from '../data/image.ts'
import type { Made } from '../protect/face-handlers.ts'
import { readProtected } from '../protect/files.ts'
import { wrongKey } from '../protect/key.ts'
import type { PhotoFace } from '../protect/photo.ts'
import { measureVersions } from './demo-measure.ts'
import { addProtected, addRegenerated, type DemoPhoto, type DemoRecipes, versionsOf } from './demo-photo.ts'
import type { MeasuredFace } from './demo-report.ts'
import type { DemoTools } from './demo-tools.ts'

/** A face to do. */
export interface ChosenFace {
  readonly photo: DemoPhoto
  readonly face: PhotoFace
  /** Its place among the chosen: the work on the first is done first. */
  readonly turn: number
}

/** What came of a face. */
export interface DoneFace extends ChosenFace {
  readonly measured: MeasuredFace
  readonly pictures: readonly string[]
}

/** How a face tells of itself. */
export interface Tell {
  /** So much more is done, in the unit of `Work`. */
  progress(amount: number, doing: string): void
  /** Its anonymized version is on disk with its key. */
  protectedTo(path: string): void
}

/**
 * Protects one face, writes its photo's versions anew, recovers it by the key on disk and measures it all.
 * @param before ends when the photo's faces before it are done
 */
export async function demonstrateFace(
  { workers, recipes }: Pick<DemoTools, 'workers' | 'recipes'>,
  { photo, face, turn }: ChosenFace,
  before: Promise<unknown> | undefined,
  work: Work,
  { progress, protectedTo }: Tell,
): Promise<DoneFace> {
  const { anonymize, hide } = recipes
  // In the order in which they are told, whichever is done first.
  const seconds = { anonymize: 0, hide: 0, key: 0, recover: 0 }
  const timed = async <T>(name: keyof typeof seconds, making: Promise<Made<T>>): Promise<T> => {
    const { result, seconds: taken } = await making
    seconds[name] = round(taken)
    return result
  }
  const protect = (name: 'anonymize' | 'hide', recipe: Recipe, amount: number, doing: string) =>
    timed(name, workers.protect(face, recipe, { turn, onStep: () => progress(amount, doing) }))

  const anonymizing = protect('anonymize', anonymize, work.anonymizeStep, 'anonymizing')
  const makingKey = timed('key', workers.key(face, anonymize, { turn }))
  const hiding = protect('hide', { ...hide, samples: 1 }, work.hideStep, 'hiding')
  const keyed = Promise.all([makingKey, before]).then(([key]) => {
    progress(work.key, 'protecting')
    photo.keys.push(key)
  })
  const recover = async () => {
    const [samples] = await Promise.all([anonymizing, keyed])
    await addProtected(photo, 'anonymized', face, samples)
    const path = versionsOf(photo, 'anonymized')[0]!.path!
    protectedTo(path)
    // From here on as the owner of the key does it: from the files.
    const locked = await readProtected(path)
    const image = await readImage(locked.bytes)
    const right = locked.keys.at(-1)!
    const keys = { recovered: right, wrongKey: wrongKey(right, anonymize.seed) }
    await Promise.all(
      (['recovered', 'wrongKey'] as const).map(async kind => {
        const recovering = workers.recover(anonymize.model, keys[kind], { turn })
        const picture = await (kind === 'recovered'
          ? timed('recover', recovering)
          : recovering.then(made => made.result))
        progress(work.recover, 'recovering')
        await addRegenerated(photo, kind, face, picture, image)
      }),
    )
  }
  const writeHidden = async () => {
    const [pictures] = await Promise.all([hiding, keyed])
    await addProtected(photo, 'hidden', face, pictures)
  }
  await Promise.all([recover(), writeHidden()])

  const { versions, pictures } = await measureVersions(workers, photo, face, { turn })
  progress(work.measure, 'measured')
  const { index, found } = face
  const measured = { photo: photo.name, face: index, box: found.box, seconds, versions }
  return { photo, face, turn, measured, pictures }
}

/** What the parts of the work on a face cost, in evaluations of the noise predictor, for the time left. */
export interface Work {
  readonly anonymizeStep: number
  readonly hideStep: number
  readonly key: number
  readonly recover: number
  readonly measure: number
  readonly face: number
}

export function workOf({ anonymize, hide }: DemoRecipes): Work {
  // A guided step also decodes each sample, embeds it, and goes back through both.
  const guided = (samples: number) => 3 * samples + 1
  const { steps, refinements } = anonymize.recovery
  const work = {
    anonymizeStep: guided(anonymize.samples),
    hideStep: guided(1),
    key: steps * (1 + refinements),
    recover: steps,
    measure: 10,
  }
  const { anonymizeStep, hideStep, key, recover, measure } = work
  const face = stepsTaken(anonymize) * anonymizeStep + stepsTaken(hide) * hideStep + key + 2 * recover + measure
  return { ...work, face }
}

/** Seconds as they are told: to a tenth. */
export function round(seconds: number): number {
  return Number(seconds.toFixed(1))
}
