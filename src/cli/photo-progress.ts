import { basename } from 'node:path'
import { progress } from '../util/progress.ts'

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
