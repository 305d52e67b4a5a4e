/** Exact recovery: a key carries what protection changed of the photo. */

import { encodeImage, readImage } from '#codec'
import type { Box } from '../faces/box.ts'
import { resampleSimilarity } from '../faces/resample-similarity.ts'
import { apply, compose, identity, invert, type Similarity, scaleOf } from '../faces/warp.ts'
import type { Image } from '../images/image.ts'
import { UserError } from '../util/errors.ts'
import type { OriginalCrop } from './key.ts'

/** JPEG qualities of crops, of which the first is taken that is as near to the photo as this, in dB: one more than promised. */
const qualities = [97, 98, 99, 100]
const leastPsnr = 46

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

/** A box of the photo, as its key keeps it: JPEG without chroma subsampling, 46 dB and more. */
export async function cropOriginal(photo: Image, box: Box): Promise<OriginalCrop> {
  const data = new Uint8Array(box.width * box.height * 3)
  for (let y = 0; y < box.height; y++) {
    const from = 3 * ((box.y + y) * photo.width + box.x)
    data.set(photo.data.subarray(from, from + 3 * box.width), 3 * y * box.width)
  }
  let file: Uint8Array = new Uint8Array()
  for (const quality of qualities) {
    file = await encodeImage({ width: box.width, height: box.height, data }, 'jpeg', quality)
    if (psnr(data, (await readImage(file)).data) >= leastPsnr) break
  }
  return { box, file }
}

/**
 * The photo with the crop in its place.
 * @param placed takes the photo's places to those of the picture that the crop is of, where the photo is an edited copy
 * @throws UserError when the crop does not lie in the photo, or is no picture of its box's size
 */
export async function pasteOriginal(photo: Image, { box, file }: OriginalCrop, placed?: Similarity): Promise<Image> {
  const crop = await readImage(file, 'the crop in the key')
  const isInside = placed || (box.x + box.width <= photo.width && box.y + box.height <= photo.height)
  if (!isInside || crop.width !== box.width || crop.height !== box.height)
    throw new UserError(
      `expected a key whose crop of ${box.width} x ${box.height} pixels lies in a photo of ${photo.width} x ${photo.height}: use the key that was written with the picture`,
    )
  if (placed) return pasteResampled(photo, crop, box, placed)
  const data = photo.data.slice()
  for (let y = 0; y < box.height; y++)
    data.set(crop.data.subarray(3 * y * box.width, 3 * (y + 1) * box.width), 3 * ((box.y + y) * photo.width + box.x))
  return { ...photo, data }
}

/** The share of a crop's box that an edited copy still shows. */
export function shownShare({ width, height }: Pick<Image, 'width' | 'height'>, box: Box, placed: Similarity): number {
  const { left, top, right, bottom } = boundsIn(box, placed)
  const inside = (from: number, to: number, end: number) => Math.max(0, Math.min(to, end) - Math.max(from, 0))
  return (inside(left, right, width) * inside(top, bottom, height)) / ((right - left) * (bottom - top))
}

function pasteResampled(photo: Image, crop: Image, box: Box, placed: Similarity): Image {
  const bounds = boundsIn(box, placed)
  const [left, top] = [Math.max(0, Math.floor(bounds.left)), Math.max(0, Math.floor(bounds.top))]
  const width = Math.min(photo.width, Math.ceil(bounds.right)) - left
  const height = Math.min(photo.height, Math.ceil(bounds.bottom)) - top
  if (width <= 0 || height <= 0) return photo
  const toCrop = compose({ ...identity, tx: -box.x, ty: -box.y }, compose(placed, { ...identity, tx: left, ty: top }))
  const shown = resampleSimilarity(crop, toCrop, width, height)
  const data = photo.data.slice()
  // Pixels that the box covers wholly: of the others it knows a part only.
  const margin = Math.max(0, scaleOf(placed) / 2 - 1e-3)
  for (let y = 0, k = 0; y < height; y++)
    for (let x = 0; x < width; x++, k += 3) {
      const place = apply(toCrop, { x: x + 0.5, y: y + 0.5 })
      const isCovered =
        place.x >= margin && place.y >= margin && place.x <= box.width - margin && place.y <= box.height - margin
      if (!isCovered) continue
      const at = 3 * ((top + y) * photo.width + left + x)
      for (let c = 0; c < 3; c++) data[at + c] = Math.min(255, Math.max(0, Math.round(shown.data[k + c]!)))
    }
  return { ...photo, data }
}

/** Where a box of the picture lies in its edited copy. */
function boundsIn({ x, y, width, height }: Box, placed: Similarity) {
  const back = invert(placed)
  const corners = [
    { x, y },
    { x: x + width, y },
    { x, y: y + height },
    { x: x + width, y: y + height },
  ].map(corner => apply(back, corner))
  const [xs, ys] = [corners.map(p => p.x), corners.map(p => p.y)]
  return { left: Math.min(...xs), right: Math.max(...xs), top: Math.min(...ys), bottom: Math.max(...ys) }
}

/** Peak signal-to-noise ratio of the same pixels, in dB. */
function psnr(a: Uint8Array, b: Uint8Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2
  return 10 * Math.log10(255 ** 2 / (sum / a.length))
}
