/**
 * How well edited copies are told from other photos: the six sample photos of @vladmandic/face-api, edited as messengers
 * do, against their own views and against each other's. Prints a line for each edit, and the extremes.
 */
import { join } from 'node:path'
import sharp from 'sharp'
import { apply } from '../src/faces/warp.ts'
import { readImage } from '../src/images/codec.ts'
import type { Image } from '../src/images/image.ts'
import { register } from '../src/keys/register.ts'
import { viewOf } from '../src/keys/view.ts'
import { packageFolder } from '../src/util/paths.ts'

/** The part that is kept, as shares of width and height, and the scale. */
const edits = {
  'scaled to 50 %': { left: 0, top: 0, width: 1, height: 1, scale: 0.5 },
  cut: { left: 0.1, top: 0.05, width: 0.7, height: 0.8, scale: 1 },
  'encoded again': { left: 0, top: 0, width: 1, height: 1, scale: 1 },
  'cut, scaled to 55 %': { left: 0.2, top: 0.15, width: 0.6, height: 0.7, scale: 0.55 },
}

const raw = ({ data, width, height }: Image) => sharp(data, { raw: { width, height, channels: 3 } })

const photos = await Promise.all(
  [1, 2, 3, 4, 5, 6].map(async i => {
    const image = await readImage(join(packageFolder('@vladmandic/face-api'), 'demo', `sample${i}.jpg`))
    return { image, view: await readImage(await viewOf(image)) }
  }),
)
const [own, others, errors]: [number[], number[], number[]] = [[], [], []]
for (const [i, { image, view }] of photos.entries()) {
  const other = photos[(i + 1) % photos.length]!
  for (const [name, edit] of Object.entries(edits)) {
    const part = {
      left: Math.round(edit.left * image.width),
      top: Math.round(edit.top * image.height),
      width: Math.round(edit.width * image.width),
      height: Math.round(edit.height * image.height),
    }
    const [width, height] = [Math.round(part.width * edit.scale), Math.round(part.height * edit.scale)]
    const file = await raw(image).extract(part).resize(width, height, { fit: 'fill' }).jpeg({ quality: 60 }).toBuffer()
    const edited = await readImage(file)
    const found = await register(edited, view, image)
    const wrong = await register(edited, other.view, other.image)
    // Of the middle, in pixels of the copy.
    const [x, y] = [width / 2, height / 2]
    const place = apply(found.transform, { x, y })
    const truth = { x: part.left + part.width / 2, y: part.top + part.height / 2 }
    const error = Math.hypot(place.x - truth.x, place.y - truth.y) * edit.scale
    own.push(found.match)
    others.push(wrong.match)
    errors.push(error)
    const numbers = `match ${found.match.toFixed(3)}, ${error.toFixed(2)} pixels off; another photo's ${wrong.match.toFixed(3)}`
    console.log(`sample${i + 1}.jpg, ${name}: ${numbers}`)
  }
}
console.log(
  `copies ${Math.min(...own).toFixed(2)} to ${Math.max(...own).toFixed(2)}, at most ${Math.max(...errors).toFixed(2)} pixels off; other photos at most ${Math.max(...others).toFixed(2)}`,
)
