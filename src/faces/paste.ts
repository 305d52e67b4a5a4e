/** Pastes faces on the recognizers' template; composite.ts pastes those in FFHQ alignment. */
import type { Image } from '../images/image.ts'
import { faceMask } from './mask.ts'
import type { Point } from './template.ts'
import { apply, invert, type Similarity, sampler, scaleOf } from './warp.ts'

/**
 * Puts an aligned face back into its photo under a soft mask (`faceMask`). Pixels where the mask is 0, and all outside of the aligned
 * square, are those of the photo, bit for bit.
 * @param face the changed face, square
 * @param transform takes the photo's coordinates to the face's, as `alignFace` returned it
 * @returns a new photo
 */
export function pasteFace(photo: Image, face: Image, transform: Similarity): Image {
  const size = face.width
  if (face.height !== size) throw new Error(`pasteFace: expected a square face, found ${size} x ${face.height}`)
  const sample = sampler(face, transform)
  const colour = new Float64Array(3)
  const data = photo.data.slice()
  for (const { x, y, offset, weight } of visiblePixels(photo, size, transform, faceMask(size))) {
    sample(x, y, colour)
    for (let c = 0; c < 3; c++) {
      const before = photo.data[offset + c]!
      data[offset + c] = before + weight * (colour[c]! - before) + 0.5
    }
  }
  return { width: photo.width, height: photo.height, data }
}

/** A pixel of the photo that shows some of the face: its centre, its place in the data, and how much it shows. */
interface VisiblePixel {
  readonly x: number
  readonly y: number
  readonly offset: number
  readonly weight: number
}

function visiblePixels(photo: Image, size: number, transform: Similarity, mask: Float32Array): VisiblePixel[] {
  const back = invert(transform)
  const centre = apply(back, { x: size / 2, y: size / 2 })
  const radius = (size / 2) * Math.SQRT2 * scaleOf(back)
  const [top, bottom] = [Math.max(0, Math.floor(centre.y - radius)), Math.min(photo.height, centre.y + radius)]
  const [left, right] = [Math.max(0, Math.floor(centre.x - radius)), Math.min(photo.width, centre.x + radius)]
  const pixels: VisiblePixel[] = []
  for (let row = top; row < bottom; row++) {
    for (let column = left; column < right; column++) {
      const [x, y] = [column + 0.5, row + 0.5]
      const weight = sampleMask(mask, size, apply(transform, { x, y }))
      if (weight > 0) pixels.push({ x, y, offset: 3 * (row * photo.width + column), weight })
    }
  }
  return pixels
}

/** Bilinear interpolation of the mask, 0 outside of it. */
function sampleMask(mask: Float32Array, size: number, { x, y }: Point): number {
  if (!(x >= 0 && y >= 0 && x < size && y < size)) return 0
  const u = Math.min(size - 1, Math.max(0, x - 0.5))
  const v = Math.min(size - 1, Math.max(0, y - 0.5))
  const [x0, y0] = [Math.floor(u), Math.floor(v)]
  const [x1, y1] = [Math.min(size - 1, x0 + 1), Math.min(size - 1, y0 + 1)]
  const top = mask[y0 * size + x0]! * (1 - u + x0) + mask[y0 * size + x1]! * (u - x0)
  const bottom = mask[y1 * size + x0]! * (1 - u + x0) + mask[y1 * size + x1]! * (u - x0)
  return top * (1 - v + y0) + bottom * (v - y0)
}
