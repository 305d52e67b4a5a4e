/** What a run that protects photos says at its end: in lines that people and scripts read. */
import type { Recipe } from '../config/recipe.ts'
import type { RecognizerName } from '../faces/recognizers.ts'
import type { PhotoReport } from '../pipeline/photo-report.ts'
import type { OtherEntry } from '../pipeline/survey.ts'

/** Recognizers by the names of their makers. */
const titles: Readonly<Record<RecognizerName, string>> = {
  mobilefacenet: 'MobileFaceNet',
  faceres: 'faceres',
  dlib: 'dlib',
}

/** Names that a line lists before it only counts. */
const namesShown = 6

export interface DonePhoto {
  readonly path: string
  readonly report: PhotoReport
}

/** '1 face', '2 faces'. */
export function counted(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? '' : 's'}`
}

/** How many faces are not as the task wants them, of those that were checked: the exit code says it too. */
export function failedChecks(task: Recipe['task'], { faces }: Pick<PhotoReport, 'faces'>): number {
  return faces.filter(({ checks, covered }) =>
    task === 'hide' ? !covered && checks.some(({ accepted }) => !accepted) : checks.some(({ accepted }) => accepted),
  ).length
}

/** How many entries there were and what became of them: the three counts add up. */
export function entryLines(
  counts: { done: number; refused: number },
  leftOut: readonly Pick<OtherEntry, 'path' | 'reason'>[],
): string[] {
  const all = counts.done + counts.refused + leftOut.length
  const reasons = [...new Set(leftOut.map(({ reason }) => reason))].map(reason => {
    const paths = leftOut.filter(entry => entry.reason === reason).map(({ path }) => path)
    const more = paths.length > namesShown ? ` and ${paths.length - namesShown} more` : ''
    return `  left out, ${reason}: ${paths.slice(0, namesShown).join(', ')}${more}`
  })
  return [
    `${all} ${all === 1 ? 'entry' : 'entries'}: ${counts.done} done, ${counts.refused} refused, ${leftOut.length} left out`,
    ...reasons,
  ]
}

/** What became of a photo: it has a report where faces were looked for in it, and versions where it shows some. */
export interface PhotoEnd {
  readonly path: string
  readonly paths: readonly string[]
  readonly report?: PhotoReport
  /** Why it was refused. */
  readonly refused?: string
}

/** Whether anything was refused: the exit code says it too. */
export function hasRefused(photos: readonly PhotoEnd[], others: readonly OtherEntry[]): boolean {
  return photos.some(({ refused }) => refused !== undefined) || others.some(({ refused }) => refused)
}

/** All lines about a run of several entries: what was refused and why, the counts, and the faces. */
export function runLines(task: Recipe['task'], photos: readonly PhotoEnd[], others: readonly OtherEntry[]): string[] {
  const withFaces = photos.flatMap(({ path, report }) => (report && report.faces.length > 0 ? [{ path, report }] : []))
  const refused = [
    ...photos.flatMap(({ refused }) => (refused === undefined ? [] : [refused])),
    ...others.flatMap(({ path, reason, refused }) => (refused ? [`${path}: ${reason}`] : [])),
  ]
  const leftOut = [
    ...others.filter(({ refused }) => !refused),
    ...photos.flatMap(({ path, report }) => (report?.faces.length === 0 ? [{ path, reason: 'no face found' }] : [])),
  ]
  const tried = photos.length + others.filter(({ refused }) => refused).length
  return [
    ...(refused.length > 0 ? [`${refused.length} of ${tried} failed:`, ...refused.map(line => `  ${line}`)] : []),
    ...entryLines({ done: withFaces.length, refused: refused.length }, leftOut),
    ...(withFaces.length > 0 ? faceLines(task, withFaces) : []),
  ]
}

/** The lines about the faces of the photos that were done. */
export function faceLines(task: Recipe['task'], photos: readonly DonePhoto[]): string[] {
  const verb = task === 'hide' ? 'hidden' : 'anonymized'
  const all = photos.flatMap(({ path, report }) => report.faces.map((face, i) => ({ ...face, path, number: i + 1 })))
  const covered = all.filter(face => face.covered)
  const doubtful = photos.filter(({ report }) => report.doubtful.length > 0)
  const reasons = [...new Set(covered.map(face => face.covered!.reason))]
    .map(reason => `${covered.filter(face => face.covered!.reason === reason).length} ${reason}`)
    .join(', ')
  const lines = covered.map(
    ({ path, number, covered }) => `${path}: face ${number} covered: ${covered!.reason} (${covered!.detail})`,
  )
  const where = `${counted(all.length, 'face')} in ${counted(photos.length, 'photo')}`
  lines.push(
    covered.length === 0
      ? `${where} ${verb}`
      : `${where}: ${all.length - covered.length} ${verb}, ${covered.length} covered by a blur instead: ${reasons}`,
  )
  if (doubtful.length > 0) {
    const count = doubtful.reduce((sum, { report }) => sum + report.doubtful.length, 0)
    lines.push(
      `left as they are, perhaps faces: ${count} in ${counted(doubtful.length, 'photo')}: look at them in the review`,
    )
  }
  return [...lines, ...checkLines(task, photos)]
}

function checkLines(task: Recipe['task'], photos: readonly DonePhoto[]): string[] {
  const checked = photos.filter(({ report }) => report.checkedBy)
  const [first] = checked
  if (!first) return []
  const lines = checked.flatMap(({ path, report }) =>
    report.faces.flatMap((face, i) =>
      failedChecks(task, { faces: [face] }) > 0
        ? [`${path}: face ${i + 1} is ${task === 'hide' ? 'no longer' : 'still'} recognised`]
        : [],
    ),
  )
  const faces = checked.flatMap(({ report }) => report.faces)
  const compared = task === 'hide' ? faces.filter(({ covered }) => !covered) : faces
  const failed = checked.reduce((sum, { report }) => sum + failedChecks(task, report), 0)
  const what = task === 'hide' ? 'no longer recognised' : 'still recognised'
  return [
    ...lines,
    `checked: ${counted(compared.length, 'face')}, ${failed} ${what} by ${titles[first.report.checkedBy!]}`,
  ]
}
