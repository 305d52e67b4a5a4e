/** The demonstration: faces of some photos are protected, recovered as their owner would, and measured. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileAtomic, writeJsonAtomic } from '../atomic.ts'
import { readImage } from '../data/image.ts'
import { facesOfPhoto } from '../protect/photo.ts'
import { type ChosenFace, type DoneFace, demonstrateFace, round, type Tell, workOf } from './demo-face.ts'
import { type DemoPhoto, demoPhoto, describePhoto } from './demo-photo.ts'
import { type DemoMetrics, demoReport } from './demo-report.ts'
import type { DemoTools } from './demo-tools.ts'

export interface DemoOptions {
  /** Paths of the photos. */
  readonly photos: readonly string[]
  /** Faces to protect: the surest of each photo in turn, then the second of each, and so on. */
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
 * metrics.json. The report is rewritten whole after each face. Faces are worked on side by side, and come out as if they
 * had been worked on one by one.
 * @throws UserError when a photo shows no face or `out` cannot be written
 */
export async function runDemo(tools: DemoTools, options: DemoOptions): Promise<DemoMetrics> {
  const { workers, recipes, jobs, backend, thresholds } = tools
  const { count, out, onLook, onProgress, onProtected, onFace } = options
  const wanted = options.photos.slice(0, count)
  let looked = 0
  const photos = await Promise.all(
    wanted.map(async (path, turn) => {
      const bytes = await readFile(path)
      const original = await readImage(bytes, path)
      const faces = await facesOfPhoto(tools, original, { detect: () => workers.detect(bytes, { turn }) })
      onLook?.(++looked, wanted.length)
      return demoPhoto(path, { original, faces }, recipes, out)
    }),
  )
  const chosen = inTurn(photos, count)
  const work = workOf(recipes)
  let units = 0
  let firstProtected: number | undefined
  const tell = (turn: number): Tell => ({
    progress(amount, doing) {
      units += amount
      onProgress?.(units, work.face * chosen.length, `face ${turn + 1} of ${chosen.length}: ${doing}`)
    },
    protectedTo(path) {
      if (firstProtected !== undefined) return
      firstProtected = performance.now() / 1000
      onProtected?.(firstProtected, path)
    },
  })

  const done: DoneFace[] = []
  const metrics = (): DemoMetrics => ({
    model: done[0]!.photo.keys[0]!.model,
    backend,
    jobs,
    recipes,
    thresholds,
    planned: chosen.length,
    firstProtected: round(firstProtected!),
    faces: done.map(({ measured }) => measured),
  })
  const report = async () => {
    const pictures = {
      faces: done.map(({ pictures }) => pictures),
      photos: await Promise.all(
        photos.flatMap(photo => {
          const faces = done.filter(face => face.photo === photo).map(({ face }) => face)
          return faces.length > 0 ? [describePhoto(photo, faces)] : []
        }),
      ),
    }
    await writeJsonAtomic(join(out, 'metrics.json'), metrics())
    const path = join(out, 'report.html')
    await writeFileAtomic(path, demoReport(metrics(), pictures))
    onFace?.(done.length, chosen.length, path)
  }

  // The faces of a photo are put into it one after the other, and so are faces into the report.
  const lastOf = new Map<DemoPhoto, Promise<unknown>>()
  let reported = Promise.resolve()
  await Promise.all(
    chosen.map(async choice => {
      const { photo, turn } = choice
      const ending = demonstrateFace(tools, choice, lastOf.get(photo), work, tell(turn))
      lastOf.set(photo, ending)
      const face = await ending
      reported = reported.then(() => {
        done.push(face)
        done.sort((p, q) => p.turn - q.turn)
        return report()
      })
      await reported
    }),
  )
  return metrics()
}

/** The surest face of each photo, then the second of each, and so on. */
function inTurn(photos: readonly DemoPhoto[], count: number): ChosenFace[] {
  const bySureness = photos.map(photo => ({
    photo,
    faces: photo.faces.toSorted((p, q) => q.found.score - p.found.score),
  }))
  const rounds = Math.max(...bySureness.map(({ faces }) => faces.length))
  return Array.from({ length: rounds }, (_, round) =>
    bySureness.flatMap(({ photo, faces }) => (faces[round] ? [{ photo, face: faces[round] }] : [])),
  )
    .flat()
    .slice(0, count)
    .map((choice, turn) => ({ ...choice, turn }))
}
