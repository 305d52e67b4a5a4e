/** Exact recovery: a key carries what protection changed of the photo. */
import { encodeImage, type Image, readImage } from '../data/image.ts'
import type { Box } from '../faces/box.ts'
import { UserError } from '../util/errors.ts'
import type { OriginalCrop } from './key.ts'

/** JPEG quality of crops. */
const quality = 97

/** The smallest box around all pixels in which two photos of one size differ; undefined where there are none. */
export function changedBox(before: Image, after: Image): Box | undefined {
  const { width, height } = before
  let [left, top, right, bottom] = [width, height, 0, 0]
  for (let y = 0, k = 0; y < height; y++)
    for (let x = 0; x < width; x++, k += 3) {
      const isSame =
        before.data[k] === after.data[k] &&
        before.data[k + 1] === after.data[k + 1] &&
        before.data[k + 2] === after.data[k + 2]
      if (isSame) continue
      left = Math.min(left, x)
      right = Math.max(right, x + 1)
      top = Math.min(top, y)
      bottom = y + 1
    }
  return right > left ? { x: left, y: top, width: right - left, height: bottom - top } : undefined
}

/** The smallest box around both. */
export function union(p: Box | undefined, q: Box | undefined): Box | undefined {
  if (!p || !q) return p ?? q
  const [x, y] = [Math.min(p.x, q.x), Math.min(p.y, q.y)]
  const [right, bottom] = [Math.max(p.x + p.width, q.x + q.width), Math.max(p.y + p.height, q.y + q.height)]
  return { x, y, width: right - x, height: bottom - y }
}

/** A box of the photo, as its key keeps it: JPEG without chroma subsampling, 45 dB and more. */
export async function cropOriginal(photo: Image, box: Box): Promise<OriginalCrop> {
  const data = new Uint8Array(box.width * box.height * 3)
  for (let y = 0; y < box.height; y++) {
    const from = 3 * ((box.y + y) * photo.width + box.x)
    data.set(photo.data.subarray(from, from + 3 * box.width), 3 * y * box.width)
  }
  return { box, file: await encodeImage({ width: box.width, height: box.height, data }, 'jpeg', quality) }
}

/**
 * The photo with the crop in its place.
 * @throws UserError when the crop does not lie in the photo, or is no picture of its box's size
 */
export async function pasteOriginal(photo: Image, { box, file }: OriginalCrop): Promise<Image> {
  const crop = await readImage(Buffer.from(file), 'the crop in the key')
  const isInside = box.x + box.width <= photo.width && box.y + box.height <= photo.height
  if (!isInside || crop.width !== box.width || crop.height !== box.height)
    throw new UserError(
      `expected a key whose crop of ${box.width} x ${box.height} pixels lies in a photo of ${photo.width} x ${photo.height}: use the key that was written with the picture`,
    )
  const data = photo.data.slice()
  for (let y = 0; y < box.height; y++)
    data.set(crop.data.subarray(3 * y * box.width, 3 * (y + 1) * box.width), 3 * ((box.y + y) * photo.width + box.x))
  return { ...photo, data }
}
