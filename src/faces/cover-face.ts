/** Covers a face beyond recognition where it cannot be replaced: no network has a part in it, so that it always works. */
import type { Image } from '../images/image.ts'
import { type Box, clip } from './box.ts'
import { faceOutline, smoothStep } from './composite-mask.ts'
import { boundingBox, faceFit, misfit } from './coverage.ts'
import type { Point } from './template.ts'

export interface CoverOptions {
  /** Means a side that are left of the face: 5 unless given. */
  readonly cells?: number
}

/** Margin of the fully covered rectangle around the face, relative to the face's sides. */
const margin = 0.06

/** Exponent of the cover's outline, a superellipse: 2 would be an ellipse, and leave the box's corners bare. */
const exponent = 3

/** How much longer the outline's half-axes are than those of the rectangle that it covers whole. */
const reach = 2 ** (1 / exponent)

/** Where the soft rim ends, relative to where it begins. */
const rim = 1.16

/**
 * The photo with a face blurred so strongly that a few means of its colours are all that is left: within the face's box and a
 * margin about it, pixels depend on nothing else. The outline is round and its rim soft.
 * @param face its box, and its landmarks where they fit: the forehead that they tell of is covered too
 * @returns a new photo; pixels outside of the rim are the given one's, bit for bit
 */
export function coverFace(
  photo: Image,
  face: { readonly box: Box; readonly landmarks: readonly Point[] },
  { cells = 5 }: CoverOptions = {},
): Image {
  const whole = grown(wholeFace(face), margin)
  const [rx, ry] = [(whole.width / 2) * reach, (whole.height / 2) * reach]
  const middle = { x: whole.x + whole.width / 2, y: whole.y + whole.height / 2 }
  const ending = { x: middle.x - rim * rx, y: middle.y - rim * ry, width: 2 * rim * rx, height: 2 * rim * ry }
  const inside = clip(ending, photo)
  if (!inside) return { ...photo, data: photo.data.slice() }
  const colourAt = smoothMeans(photo, whole, cells)
  const data = photo.data.slice()
  const colour = [0, 0, 0]
  for (let y = Math.floor(inside.y); y < Math.min(photo.height, inside.y + inside.height); y++) {
    for (let x = Math.floor(inside.x); x < Math.min(photo.width, inside.x + inside.width); x++) {
      const [u, v] = [Math.abs(x + 0.5 - middle.x) / rx, Math.abs(y + 0.5 - middle.y) / ry]
      const distance = (u ** exponent + v ** exponent) ** (1 / exponent)
      const weight = 1 - smoothStep((distance - 1) / (rim - 1))
      if (weight <= 0) continue
      colourAt(x + 0.5, y + 0.5, colour)
      const k = 3 * (y * photo.width + x)
      for (let c = 0; c < 3; c++)
        data[k + c] = Math.round(photo.data[k + c]! + weight * (colour[c]! - photo.data[k + c]!))
    }
  }
  return { ...photo, data }
}

/** The detector's box, and the landmarks' outline where they fit it. */
function wholeFace(face: { readonly box: Box; readonly landmarks: readonly Point[] }): Box {
  const { box, landmarks } = face
  if (landmarks.length !== 68 || misfit(faceFit(face)) !== undefined) return box
  return boundingBox([...faceOutline(landmarks), box, { x: box.x + box.width, y: box.y + box.height }])
}

function grown({ x, y, width, height }: Box, by: number): Box {
  return { x: x - by * width, y: y - by * height, width: width * (1 + 2 * by), height: height * (1 + 2 * by) }
}

/** Means of a photo over the cells of a grid on a box, and a smooth surface through them: cubic B-splines. */
function smoothMeans(photo: Image, box: Box, cells: number) {
  const means = new Float64Array(3 * cells * cells)
  const [w, h] = [box.width / cells, box.height / cells]
  for (let j = 0; j < cells; j++)
    for (let i = 0; i < cells; i++)
      means.set(meanOf(photo, { x: box.x + i * w, y: box.y + j * h, width: w, height: h }), 3 * (j * cells + i))
  const wx = new Float64Array(4)
  const wy = new Float64Array(4)
  const at = (i: number) => Math.min(cells - 1, Math.max(0, i))
  return (x: number, y: number, colour: number[]) => {
    const [u, v] = [(x - box.x) / w - 0.5, (y - box.y) / h - 0.5]
    const [i, j] = [Math.floor(u), Math.floor(v)]
    spline(u - i, wx)
    spline(v - j, wy)
    colour.fill(0)
    for (let q = 0; q < 4; q++)
      for (let p = 0; p < 4; p++)
        for (let c = 0; c < 3; c++)
          colour[c]! += wx[p]! * wy[q]! * means[3 * (at(j + q - 1) * cells + at(i + p - 1)) + c]!
  }
}

/** The mean of the photo's pixels in a box; of those nearest to it where it is outside of the photo or between pixels. */
function meanOf(photo: Image, box: Box): [number, number, number] {
  const range = (from: number, size: number, most: number) => {
    const first = Math.min(most - 1, Math.max(0, Math.floor(from)))
    return [first, Math.min(most, Math.max(first + 1, Math.ceil(from + size)))] as const
  }
  const [left, right] = range(box.x, box.width, photo.width)
  const [top, bottom] = range(box.y, box.height, photo.height)
  const sums: [number, number, number] = [0, 0, 0]
  for (let y = top; y < bottom; y++)
    for (let x = left; x < right; x++)
      for (let c = 0; c < 3; c++) sums[c]! += photo.data[3 * (y * photo.width + x) + c]!
  const count = (right - left) * (bottom - top)
  return [sums[0] / count, sums[1] / count, sums[2] / count]
}

/** Weights of the means at -1, 0, 1, 2 for a place at `t` in 0..1. */
function spline(t: number, weights: Float64Array): void {
  weights[0] = (1 - t) ** 3 / 6
  weights[1] = (3 * t ** 3 - 6 * t * t + 4) / 6
  weights[2] = (-3 * t ** 3 + 3 * t * t + 3 * t + 1) / 6
  weights[3] = t ** 3 / 6
}
