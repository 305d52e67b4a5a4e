/** The demonstration: faces of some photos are protected, recovered as their owner would, and measured. */
import { join } from 'node:path'
import { z } from 'zod'
import { recipeSchema, seedOf } from '../config/recipe.ts'
import { recognizerNames } from '../faces/recognizers.ts'
import { readBytes, readImage } from '../images/codec.ts'
import { facesOfPhoto } from '../pipeline/photo-face.ts'
import { checkWeights, type Making, settingsOf } from '../pipeline/replay.ts'
import { pathIn, type Software, softwareOf } from '../pipeline/run-record.ts'
import { processesToProtect } from '../plan/photos.ts'
import { makeFolder, writeFileAtomic, writeJsonAtomic } from '../util/atomic-write.ts'
import { inRounds } from './demo-choice.ts'
import {
  type ChosenFace,
  type DemoTools,
  type DoneFace,
  demonstrateFace,
  openDemo,
  piecesOfFace,
  round,
  type Tell,
  workOf,
} from './demo-face.ts'
import type { DemoMetrics } from './demo-figures.ts'
import { demoPhoto, describePhoto } from './demo-photo.ts'
import { demoReport } from './demo-report.ts'

export interface DemoOptions {
  /** Paths of the photos. */
  readonly photos: readonly string[]
  /** Faces to protect: the best portrait of each photo in turn, then the second of each, and so on. */
  readonly count: number
  readonly out: string
  /** Told of each photo in which faces were looked for. */
  readonly onLook?: (done: number, photos: number) => void
  /** Told often of the work on the faces, in a unit of its own. */
  readonly onProgress?: (done: number, total: number, note: string) => void
  /** Told when the first anonymized face is on disk with its key, seconds after the program was started. */
  readonly onProtected?: (seconds: number, path: string) => void
  /** Told after each face, when its report is on disk. */
  readonly onFace?: (done: number, total: number, report: string) => void
}

/**
 * Runs the demonstration into the folder `out`: protected photos with their keys, recovered photos, report.html and
 * metrics.json. The report is rewritten whole after each face. Faces are worked on side by side, the first of a photo as
 * soon as it is found, and come out as if they had been worked on one by one.
 * @throws UserError when a photo shows no face or `out` cannot be written
 */
export async function runDemo(tools: DemoTools, options: DemoOptions): Promise<DemoMetrics> {
  const { workers, recipes, jobs, backend, thresholds } = tools
  const { count, out, onLook, onProgress, onProtected, onFace } = options
  const wanted = options.photos.slice(0, count)
  let looked = 0
  const looking = wanted.map(async (path, priority) => {
    const bytes = await readBytes(path)
    const original = await readImage(bytes, path)
    const faces = await facesOfPhoto(tools, original, {
      randomness: seedOf(recipes.anonymize),
      detect: () => workers.detect(bytes, { priority }),
    })
    onLook?.(++looked, wanted.length)
    return demoPhoto(path, { original, faces }, recipes, out)
  })
  // Who comes in later rounds is known when every photo was looked at.
  const choosing = Promise.all(looking).then(photos =>
    inRounds(photos)
      .slice(0, count)
      .map(({ photo, face }, priority): ChosenFace => ({ photo: photos[photo]!, face, priority })),
  )
  const work = workOf(recipes)
  let units = 0
  let total = Number.isFinite(count) ? count : wanted.length
  let firstProtected: number | undefined
  const tell = (priority: number): Tell => ({
    progress(amount, doing) {
      units += amount
      onProgress?.(Math.round(units), Math.round(work.face * total), `face ${priority + 1} of ${total}: ${doing}`)
    },
    protectedTo(path) {
      if (firstProtected !== undefined) return
      firstProtected = performance.now() / 1000
      onProtected?.(firstProtected, path)
    },
  })

  const done: DoneFace[] = []
  const metrics = (): DemoMetrics => ({
    model: done[0]!.photo.done.anonymized[0]!.key.model,
    backend,
    jobs,
    recipes,
    thresholds,
    planned: total,
    firstProtected: round(firstProtected!),
    faces: done.map(({ measured }) => measured),
  })
  const report = async () => {
    const photos = [...new Set(done.map(({ photo }) => photo))]
    const figures = {
      faces: done.map(({ figure }) => figure),
      photos: await Promise.all(
        photos.map(photo =>
          describePhoto(
            photo,
            done.filter(face => face.photo === photo).map(({ face }) => face),
          ),
        ),
      ),
    }
    await writeJsonAtomic(join(out, 'metrics.json'), metrics())
    const path = join(out, 'report.html')
    await writeFileAtomic(path, demoReport(metrics(), figures))
    onFace?.(done.length, total, path)
  }

  const demonstrate = (choice: ChosenFace, before?: Promise<DoneFace>) =>
    demonstrateFace(tools, choice, before, work, tell(choice.priority))
  const first = looking.map(async (looking, priority) => {
    const photo = await looking
    return demonstrate({ photo, face: inRounds([photo])[0]!.face, priority })
  })
  // Faces come into the report one after the other.
  let reported = Promise.resolve()
  const show = async (ending: Promise<DoneFace>) => {
    const face = await ending
    await choosing
    reported = reported.then(() => {
      done.push(face)
      done.sort((p, q) => p.priority - q.priority)
      return report()
    })
    await reported
  }
  const later = async () => {
    const chosen = await choosing
    total = chosen.length
    const endings = [...first]
    for (const choice of chosen.slice(first.length)) {
      // The faces of a photo are put into it one after the other.
      const before = chosen.findLastIndex(({ photo, priority }) => photo === choice.photo && priority < choice.priority)
      endings.push(demonstrate(choice, endings[before]))
    }
    await Promise.all(endings.slice(first.length).map(show))
  }
  await Promise.all([later(), ...first.map(show)])
  return metrics()
}

// Makes the outputs of a recorded demonstration again.

const demoSettings = z.object({
  recipes: z.object({ anonymize: recipeSchema, hide: recipeSchema }),
  photos: z.array(z.string()),
  count: z.int().nullable(),
})

export async function demonstrateAgain({ folder, record, into, backend }: Making): Promise<Software> {
  const { recipes, photos, count } = settingsOf(record, demoSettings)
  await checkWeights(record, recipes.anonymize.model, recognizerNames)
  await makeFolder(into)
  const jobs = await processesToProtect(recipes.anonymize, backend, piecesOfFace * (count ?? photos.length))
  const tools = await openDemo(recipes, backend, jobs)
  try {
    await runDemo(tools, {
      photos: photos.map(photo => pathIn(folder, photo)),
      count: count ?? Number.POSITIVE_INFINITY,
      out: into,
    })
  } finally {
    await tools.close()
  }
  return softwareOf(backend, jobs)
}
