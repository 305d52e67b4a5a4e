/** Dark photos for the detector: brighter, without clipping more than a few highlights. */
import type { Image } from '../../images/image.ts'

/** Share of the values that may clip. */
const clipped = 0.02

/** A photo is dark when all but `clipped` of its values are below this. */
const dark = 128

/** What such a photo's brightest values become. */
const bright = 230

/** A dark photo with all its values multiplied; other photos as they are. */
export function brighten(photo: Image): Image {
  const counts = new Uint32Array(256)
  for (const value of photo.data) counts[value]!++
  let [brightest, above] = [255, counts[255]!]
  while (brightest > 0 && above <= clipped * photo.data.length) above += counts[--brightest]!
  if (brightest >= dark || brightest === 0) return photo
  const table = Uint8Array.from(counts, (_, value) => Math.min(255, Math.round((value * bright) / brightest)))
  return { ...photo, data: photo.data.map(value => table[value]!) }
}
