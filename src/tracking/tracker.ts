import { appendFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { writeImage } from '../images/codec.ts'
import type { Image } from '../images/image.ts'
import { writeFileAtomic } from '../util/atomic-write.ts'
import { readRegularText } from '../util/regular-file.ts'
import { Writer } from './writer.ts'

/** What a run is called and was asked for. */
export interface RunDescription {
  readonly name: string
  /** Settings by dotted name. */
  readonly params: Readonly<Record<string, string | number | boolean>>
  readonly tags: Readonly<Record<string, string>>
  /** The numbers by which runs are compared. */
  readonly compared: readonly string[]
  /** Last completed step. Entries that an interrupted run logged after it are logged again. */
  readonly step: number
}

export type Outcome = 'finished' | 'failed' | 'interrupted'

/**
 * Somewhere that a run can be watched. Only `start` may throw, for a mistake of the user's; after it nothing stops or
 * slows the run: what cannot be written or delivered is said once.
 */
export interface Tracker {
  start(run: RunDescription): Promise<void>
  /** Numbers by name; a slash groups them: 'loss/pixels'. */
  scalars(step: number, values: Readonly<Record<string, number>>): void
  image(step: number, name: string, image: Image): void
  /** The distribution of all values of the arrays together. */
  histogram(step: number, name: string, values: readonly Float32Array[]): void
  /** Markdown. */
  text(step: number, name: string, text: string): void
  /** A file, kept under its own name. */
  artifact(path: string): void
  /** Writes or delivers what is still to be, within a time limit. */
  finish(outcome: Outcome): Promise<void>
}

/** Tells several trackers the same. */
export function all(trackers: readonly Tracker[]): Tracker {
  return {
    start: async run => void (await Promise.all(trackers.map(tracker => tracker.start(run)))),
    scalars: (...told) => trackers.forEach(tracker => void tracker.scalars(...told)),
    image: (...told) => trackers.forEach(tracker => void tracker.image(...told)),
    histogram: (...told) => trackers.forEach(tracker => void tracker.histogram(...told)),
    text: (...told) => trackers.forEach(tracker => void tracker.text(...told)),
    artifact: path => trackers.forEach(tracker => void tracker.artifact(path)),
    finish: async outcome => void (await Promise.all(trackers.map(tracker => tracker.finish(outcome)))),
  }
}

// The run's own folder: log.jsonl, one line of metrics per logged step, and images.

/** @param say told when the folder can no longer be written */
export function folderTracker(folder: string, say: (message: string) => void): Tracker {
  const log = join(folder, 'log.jsonl')
  const writer = new Writer(folder, say)
  return {
    start: ({ step }) => truncateLog(log, step),
    // At once: no checkpoint is there before the lines of its steps are.
    scalars(step, values) {
      writer.writeNow(() => appendFileSync(log, `${JSON.stringify({ step, ...values })}\n`))
    },
    image(step, name, image) {
      writer.write(() => writeImage(join(folder, `${name}-${String(step).padStart(6, '0')}.jpg`), image))
    },
    // The checkpoints have the weights, and the files are there.
    histogram() {},
    text() {},
    artifact() {},
    finish: () => writer.finish(),
  }
}

/** Takes out what is about steps after `step`, and a line that was cut off, so that going on from there repeats nothing. */
async function truncateLog(path: string, step: number): Promise<void> {
  if (!existsSync(path)) return
  const text = await readRegularText(path)
  const kept = text.split('\n').filter(line => stepOf(line) <= step)
  const truncated = kept.map(line => `${line}\n`).join('')
  if (truncated !== text) await writeFileAtomic(path, truncated)
}

function stepOf(line: string): number {
  try {
    return JSON.parse(line).step
  } catch {
    return Number.POSITIVE_INFINITY
  }
}
