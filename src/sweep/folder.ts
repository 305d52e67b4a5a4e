/**
 * A sweep's folder: `sweep.json` says what is swept, `points.jsonl` numbers the points in the order in which they were
 * proposed, `points/NUMBER-ID/` holds what came of each, `originals/` the faces.
 */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { appendFile, mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileSums, pathFrom, recordRun } from '../pipeline/run-record.ts'
import { makeFolder, writeFileAtomic, writeJsonAtomic } from '../util/atomic-write.ts'
import { readRegularText } from '../util/regular-file.ts'
import { joinUntrusted } from '../util/safe-path.ts'
import type { Measure, PointFace, PointResult, PointTask } from './point.ts'
import type { Settings } from './space.ts'

/** A point in its place among the others. */
export interface NumberedPoint {
  /** From 1. */
  readonly number: number
  readonly id: string
  readonly settings: Settings
  /** Faces. */
  readonly count: number
}

/** A face of a point that is done; its pictures are paths within the point's folder. */
export interface KeptFace extends Pick<PointFace, 'id' | 'scores'> {
  readonly pictures: readonly string[]
}

export type Outcome =
  | { readonly state: 'done'; readonly measures: readonly Measure[]; readonly faces: readonly KeptFace[] }
  | { readonly state: 'failed'; readonly error: string }

export function pointFolder(out: string, { number, id }: Pick<NumberedPoint, 'number' | 'id'>): string {
  return joinUntrusted(join(out, 'points'), `${String(number).padStart(4, '0')}-${id}`, join(out, 'points.jsonl'))
}

/** The file name of a face's pictures; with a hash of its own where another id or version may come to the same name. */
export function faceFile(id: string, version?: number): string {
  const isPlain = /^[\w/-]+\.jpg$/.test(id) && !/-\d+\.jpg$/.test(id)
  const own = isPlain ? '' : `-${createHash('sha256').update(id).digest('hex').slice(0, 8)}`
  const name = id.replace(/\.[^./]+$/, '').replace(/[^\w-]+/g, '_')
  return `${name}${own}${version ? `-${version + 1}` : ''}.png`
}

/** The points so far. A line that a crash cut short is left out, and ended. */
export async function readPoints(out: string): Promise<NumberedPoint[]> {
  const path = join(out, 'points.jsonl')
  const text = await readRegularText(path).catch(() => '')
  if (text !== '' && !text.endsWith('\n')) await appendFile(path, '\n')
  return text.split('\n').flatMap(line => {
    try {
      return [JSON.parse(line) as NumberedPoint]
    } catch {
      return []
    }
  })
}

export async function addPoint(out: string, point: NumberedPoint): Promise<void> {
  await appendFile(join(out, 'points.jsonl'), `${JSON.stringify(point)}\n`)
}

/** What came of a point, if it is known. */
export async function readOutcome(out: string, point: NumberedPoint): Promise<Outcome | undefined> {
  const folder = pointFolder(out, point)
  const read = async (file: string) => JSON.parse(await readRegularText(join(folder, file)))
  if (existsSync(join(folder, 'metrics.json'))) return { state: 'done', ...(await read('metrics.json')) }
  if (existsSync(join(folder, 'error.json'))) return { state: 'failed', ...(await read('error.json')) }
  return undefined
}

/** Writes a point's folder, whole or not at all: pictures, metrics.json and run.json. One that is there already stays. */
export async function writePoint(
  out: string,
  point: NumberedPoint,
  { recipe, faces: { from, ...chosen }, recovery }: PointTask,
  { measures, faces, software, weights }: PointResult,
): Promise<void> {
  const folder = pointFolder(out, point)
  if (existsSync(join(folder, 'metrics.json'))) return
  const unfinished = join(out, 'points', `.${point.id}`)
  await rm(unfinished, { recursive: true, force: true })
  await makeFolder(join(unfinished, 'faces'))
  const kept: KeptFace[] = []
  for (const { id, scores, pictures } of faces) {
    const paths = pictures.map((_, i) => `faces/${faceFile(id, i)}`)
    for (const [i, picture] of pictures.entries())
      await writeFileAtomic(join(unfinished, paths[i]!), Buffer.from(picture, 'base64'))
    kept.push({ id, scores, pictures: paths })
  }
  await writeJsonAtomic(join(unfinished, 'metrics.json'), { ...point, measures, faces: kept })
  await recordRun(unfinished, {
    format: 1,
    command: 'point',
    settings: { recipe, faces: chosen, recovery },
    weights,
    software,
    inputs: [{ path: pathFrom(folder, join(from, 'faces.u8')), sha256: chosen.sha256 }],
    outputs: await fileSums(
      unfinished,
      kept.flatMap(({ pictures }) => pictures.map(picture => join(unfinished, picture))),
    ),
  })
  await rm(folder, { recursive: true, force: true })
  await rename(unfinished, folder)
}

/** Records why a point has no numbers. */
export async function writeFailure(out: string, point: NumberedPoint, error: string): Promise<void> {
  const folder = pointFolder(out, point)
  await mkdir(folder, { recursive: true })
  await writeJsonAtomic(join(folder, 'error.json'), { ...point, error })
}
