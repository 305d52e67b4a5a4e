import { basename } from 'node:path'
import { progress } from '../progress.ts'

/**
 * Shows how far a batch of photos is, in sampling steps. How many faces a photo has is known once it is looked at; until
 * then it counts for as many as those before it had.
 */
export function photoProgress(label: string, photos: number) {
  const bar = progress(`${label}, step`, photos)
  let [started, faces, done] = [0, 0, 0]
  return {
    /** Begins with a photo. @returns what it tells of its steps */
    photo(path: string) {
      started++
      let known = false
      return (face: number, ofFaces: number, _step: number, steps: number) => {
        if (!known) faces += ofFaces
        known = true
        const expected = faces + (photos - started) * Math.max(1, faces / started)
        const note = `photo ${started} of ${photos} (${basename(path)}), face ${face + 1} of ${ofFaces}`
        bar.update(++done, note, Math.round(expected * steps))
      }
    },
    stop: () => bar.stop(),
  }
}
