/** Measures many faces one after the other, so that an interrupted run goes on where it stopped. */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { appendFile, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { makeFolder } from '../atomic.ts'
import type { FaceEntry, FaceStore } from '../data/face-store.ts'
import { type Image, readImage, writeImage } from '../data/image.ts'
import { RandomStream } from '../data/random.ts'
import { UserError } from '../errors.ts'
import { type FaceMeasurement, measureFace, type Pictures, type Subject, variants } from './face-measurement.ts'
import { onePerIdentity } from './pairs.ts'

/** Most faces on the contact sheet. */
const sheetRows = 16

/**
 * Numbers of `count` faces of different people, chosen by the seed and the people's names alone: more faces begin with
 * the same ones.
 * @throws UserError when there are fewer people
 */
export function chooseFaces(entries: readonly FaceEntry[], count: number, seed: number): number[] {
  const faces = onePerIdentity(entries, seed)
  if (faces.length < count)
    throw new UserError(`expected ${count} different people, found ${faces.length}: ask for fewer with --count`)
  const rank = (face: number) => new RandomStream(seed, 'chosen people', entries[face]!.identity).uniform()
  const ranks = new Map(faces.map(face => [face, rank(face)]))
  return faces.sort((a, b) => ranks.get(a)! - ranks.get(b)!).slice(0, count)
}

/** A short name of everything that a face's measurement depends on: the settings and the face's bytes. */
export function measurementKey({ model, guide, recognizers, recipes }: Subject, face: Uint8Array): string {
  const settings = { model: model.sha256, guide: guide.name, recognizers: recognizers.map(r => r.name), recipes }
  return createHash('sha256').update(JSON.stringify(settings)).update(face).digest('hex').slice(0, 16)
}

/**
 * Measures the faces at `indices` and keeps each result in `out/faces.jsonl` and its pictures in `out/faces/` as it
 * comes; those that are there already under the same settings are not measured again. Ends with `out/sheet.png`.
 */
export async function evaluateFaces(
  subject: Subject,
  store: FaceStore,
  indices: readonly number[],
  out: string,
  onFace: (done: number) => void = () => {},
): Promise<FaceMeasurement[]> {
  const { model } = subject
  if (store.size !== model.imageSize)
    throw new UserError(
      `expected faces of ${model.imageSize} x ${model.imageSize} for model ${model.name}, found ${store.size} x ` +
        `${store.size}: prepare the data set with --size ${model.imageSize}`,
    )
  await makeFolder(join(out, 'faces'))
  const log = join(out, 'faces.jsonl')
  const finished = await readLog(log)
  const results: FaceMeasurement[] = []
  const strips: string[] = []
  for (const index of indices) {
    const entry = store.entries[index]!
    const data = await store.bytes([index])
    const key = measurementKey(subject, data)
    const strip = join(out, 'faces', `${entry.identity.replace(/\W+/g, '_')}-${key}.png`)
    let measurement = finished.get(key)
    if (!measurement) {
      const measured = await measureFace(subject, { width: store.size, height: store.size, data }, entry)
      measurement = measured.measurement
      await writeImage(strip, sideBySide(measured.pictures))
      await appendFile(log, `${JSON.stringify({ key, ...measurement })}\n`)
    }
    results.push(measurement)
    strips.push(strip)
    onFace(results.length)
  }
  const kept = strips.slice(0, sheetRows).filter(existsSync)
  if (kept.length > 0) await writeImage(join(out, 'sheet.png'), stack(await Promise.all(kept.map(s => readImage(s)))))
  return results
}

/** How many measurements `out` holds so far. */
export async function countMeasured(out: string): Promise<number> {
  return (await readLog(join(out, 'faces.jsonl'))).size
}

/** The measurements in a log by their keys. A line that a crash cut short is left out, and ended. */
async function readLog(path: string): Promise<Map<string, FaceMeasurement>> {
  const text = await readFile(path, 'utf8').catch(() => '')
  if (text !== '' && !text.endsWith('\n')) await appendFile(path, '\n')
  const finished = new Map<string, FaceMeasurement>()
  for (const line of text.split('\n')) {
    try {
      const { key, ...measurement } = JSON.parse(line) as { key: string } & FaceMeasurement
      finished.set(key, measurement)
    } catch {}
  }
  return finished
}

/** The original, then the first picture of every variant, from left to right. */
function sideBySide(pictures: Pictures): Image {
  const row = (['original', ...variants] as const).flatMap(variant => pictures[variant]?.[0] ?? [])
  const { width, height } = row[0]!
  const data = new Uint8Array(row.length * width * height * 3)
  for (const [i, image] of row.entries())
    for (let y = 0; y < height; y++)
      data.set(image.data.subarray(3 * y * width, 3 * (y + 1) * width), 3 * width * (y * row.length + i))
  return { width: row.length * width, height, data }
}

/** Pictures of one width below one another. */
function stack(images: readonly Image[]): Image {
  const data = Buffer.concat(images.map(image => image.data))
  return { width: images[0]!.width, height: images.reduce((sum, { height }) => sum + height, 0), data }
}
