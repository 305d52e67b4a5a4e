import { basename } from 'node:path'
import { mapConcurrently } from '../jobs/concurrency.ts'
import { UserError } from '../util/errors.ts'
import { progress } from '../util/progress.ts'

export interface BatchOptions<R> {
  /** How many are under way side by side: 1 by default. */
  readonly atOnce?: number
  /** Told when nothing is under way any more. */
  readonly onEnd?: () => void
  /** Takes the results of those that were done, if any, in the order of the items, before anything is thrown. */
  readonly report: (results: R[]) => Promise<void>
}

/**
 * Does `work` for each of the items, those after a failed one too. A user's mistake in the only item is thrown; of
 * several, each failed one gets a line on stderr at the end, and the exit code is 2. After an error of ours nothing more is
 * begun; what was done by then is reported, and the error thrown.
 */
export async function batch<T, R>(
  items: readonly T[],
  work: (item: T, index: number) => Promise<R>,
  { atOnce = 1, onEnd = () => {}, report }: BatchOptions<R>,
): Promise<void> {
  const results: (R | undefined)[] = items.map(() => undefined)
  const failures: string[] = []
  const errors: unknown[] = []
  await mapConcurrently(items, atOnce, async (item, index) => {
    try {
      results[index] = await work(item, index)
    } catch (error) {
      if (!(error instanceof UserError) || items.length === 1) throw error
      failures.push(error.message)
    }
  }).catch(error => errors.push(error))
  onEnd()
  if (failures.length > 0) {
    process.stderr.write(`${failures.length} of ${items.length} failed:\n`)
    for (const failure of failures) process.stderr.write(`  ${failure.replace(/\s*\n\s*/g, ' ')}\n`)
    process.exitCode = 2
  }
  const done = results.filter(result => result !== undefined)
  if (done.length > 0) await report(done).catch(error => errors.push(error))
  if (errors.length > 0) throw errors[0]
}

/** What a photo tells of itself while it is worked on. */
export interface PhotoProgress {
  readonly step: (face: number, ofFaces: number, step: number, steps: number) => void
  readonly end: () => void
}

/**
 * Shows how far a batch of photos is: in sampling steps, or in photos where only their end is told. How many faces a photo
 * has is known once it is looked at; until then it counts for as many as those before it had.
 */
export function photoProgress(label: string, photos: number, tellsSteps: boolean) {
  const bar = progress(`${label}, ${tellsSteps ? 'step' : 'photo'}`, photos)
  let [started, looked, faces, done] = [0, 0, 0, 0]
  return {
    /** Begins with a photo. */
    photo(path: string): PhotoProgress {
      const number = ++started
      let known = false
      return {
        step(face, ofFaces, _step, steps) {
          if (!known) [looked, faces] = [looked + 1, faces + ofFaces]
          known = true
          const expected = faces + (photos - looked) * Math.max(1, faces / looked)
          const note = `photo ${number} of ${photos} (${basename(path)}), face ${face + 1} of ${ofFaces}`
          bar.update(++done, note, Math.round(expected * steps))
        },
        end: () => void (!tellsSteps && bar.update(++done, path)),
      }
    },
    stop: () => bar.stop(),
  }
}
