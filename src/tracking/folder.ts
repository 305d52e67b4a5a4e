/** The run's own folder: log.jsonl, a line of numbers for each step that is told of, and pictures. */
import { appendFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { writeImage } from '../images/codec.ts'
import { writeFileAtomic } from '../util/atomic-write.ts'
import { readRegularText } from '../util/regular-file.ts'
import type { Tracker } from './tracker.ts'
import { Writer } from './writer.ts'

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
