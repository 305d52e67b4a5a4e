/** The two ways in which faces are cut out of photos, by name. */
import type { Image } from '../images/image.ts'
import type { Rectangle } from '../models/recognizers/recognizer.ts'
import { blur } from './filters.ts'
import { landmarksInBox } from './landmarks.ts'
import { type Raster, resampleSimilarity, toImage } from './resample-similarity.ts'
import { centre, faceSize, fivePoints, type Point, template } from './template.ts'
import { apply, invert, type Similarity, similarity, warp } from './warp.ts'

/** `template`: five points on the recognizers' template; `ffhq`: eyes and mouth decide a square with hair and chin inside. */
export const alignments = ['template', 'ffhq'] as const
export type Alignment = (typeof alignments)[number]

/** Where the detector's box of a face is in the aligned square, relative to its side: means over faces. */
const boxes: Readonly<Record<Alignment, { left: number; top: number; side: number }>> = {
  template: { left: 0.16, top: 0.16, side: 0.7 },
  ffhq: { left: 0.25, top: 0.33, side: 0.5 },
}

/**
 * Cuts a face out of a photo.
 * @param landmarks its 68 landmarks in the photo's pixels
 * @param size side of the result
 */
export async function align(
  alignment: Alignment,
  photo: Image,
  landmarks: readonly Point[],
  size: number,
): Promise<AlignedFace> {
  return alignment === 'ffhq' ? alignFfhq(photo, landmarks, size) : alignFace(photo, landmarks, size)
}

/** The 68 landmarks of an aligned face in its pixels. */
export function landmarksOfAligned(face: Image, alignment: Alignment): Promise<Point[]> {
  const { left, top, side } = boxes[alignment]
  const [x, y, size] = [left, top, side].map(share => share * face.width) as [number, number, number]
  return landmarksInBox(face, { x, y, width: size, height: size })
}

/** An aligned face and the map that took it out of its photo. */
export interface AlignedFace {
  /** The face, `size` x `size`, its five points as near to the template as a similarity allows. */
  readonly face: Image
  /** Takes the photo's coordinates to the face's. */
  readonly transform: Similarity
}

/**
 * Cuts a face out of a photo, turned, scaled and shifted to the template. Outside of the photo its border is repeated.
 * @param landmarks the 68 landmarks of the face, or the five points made from them, in the photo's pixels
 * @param size side of the result
 */
export async function alignFace(photo: Image, landmarks: readonly Point[], size = faceSize): Promise<AlignedFace> {
  const points = landmarks.length === 5 ? landmarks : fivePoints(landmarks)
  const transform = similarity(points, template(size))
  return { face: warp(photo, invert(transform), size, size), transform }
}

// Faces in the alignment of FFHQ (Karras et al., arXiv 1812.04948, appendix A), in which generators were trained.

/**
 * The similarity from a photo to the FFHQ square of side `size` of a face in it. With e from eye to eye and m from the middle
 * of the eyes to that of the mouth's corners, the square's axis is along e - rot90(m), its half-side max(2 |e|, 1.8 |m|),
 * its centre 0.1 m below the middle of the eyes.
 * @param landmarks the 68 landmarks of the face in the photo's pixels
 * @throws Error when eyes and mouth are all one point
 */
export function ffhqTransform(landmarks: readonly Point[], size: number): Similarity {
  const [left, right, , mouthLeft, mouthRight] = fivePoints(landmarks) as [Point, Point, Point, Point, Point]
  const [eyes, mouth] = [centre([left, right]), centre([mouthLeft, mouthRight])]
  const e = { x: right.x - left.x, y: right.y - left.y }
  const m = { x: mouth.x - eyes.x, y: mouth.y - eyes.y }
  const axis = { x: e.x + m.y, y: e.y - m.x }
  const length = Math.hypot(axis.x, axis.y)
  if (!(length > 0)) throw new Error('ffhqTransform: expected eyes and a mouth at different places, found one')
  const half = Math.max(2 * Math.hypot(e.x, e.y), 1.8 * Math.hypot(m.x, m.y))
  const scale = size / (2 * half)
  const [a, b] = [(scale * axis.x) / length, (-scale * axis.y) / length]
  const middle = apply({ a, b, tx: 0, ty: 0 }, { x: eyes.x + 0.1 * m.x, y: eyes.y + 0.1 * m.y })
  return { a, b, tx: size / 2 - middle.x, ty: size / 2 - middle.y }
}

/**
 * Cuts a face out of a photo in FFHQ's alignment. Beyond the photo it is mirrored, and fades into its blurred mirror image
 * and then into the square's median colour, as in FFHQ; within the photo nothing is blurred.
 * @param landmarks the 68 landmarks of the face in the photo's pixels
 * @param size side of the result
 */
export function alignFfhq(photo: Image, landmarks: readonly Point[], size: number): AlignedFace {
  const transform = ffhqTransform(landmarks, size)
  const toPhoto = invert(transform)
  const raster = resampleSimilarity(photo, toPhoto, size, size, 'reflect')
  fadeBeyond(raster, photo, toPhoto)
  return { face: toImage(raster), transform }
}

/** Over this share of the square's side beyond the photo, the mirror image fades into one colour; FFHQ pads by as much. */
const padding = 0.3

/** Standard deviation of the blur beyond the photo, relative to the square's side. */
const paddingBlur = 0.02

function fadeBeyond(raster: Raster, photo: Image, toPhoto: Similarity): void {
  const { width: size, data } = raster
  const { a, b, tx, ty } = toPhoto
  const scale = Math.hypot(a, b)
  const corners = [0, size].flatMap(x => [0, size].map(y => apply(toPhoto, { x, y })))
  if (corners.every(({ x, y }) => x >= 0 && y >= 0 && x <= photo.width && y <= photo.height)) return
  const blurred = blur(raster, paddingBlur * size).data
  const middle = median(data)
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const u = a * (x + 0.5) - b * (y + 0.5) + tx
      const v = b * (x + 0.5) + a * (y + 0.5) + ty
      const depth = Math.max(-u, -v, u - photo.width, v - photo.height) / (scale * size * padding)
      if (depth <= 0) continue
      const [softness, fading] = [Math.min(1, 3 * depth), Math.min(1, depth)]
      for (let c = 0; c < 3; c++) {
        const k = 3 * (y * size + x) + c
        const soft = data[k]! + softness * (blurred[k]! - data[k]!)
        data[k] = soft + fading * (middle[c]! - soft)
      }
    }
  }
}

/** The median of each channel, to a whole number. */
function median(data: Float32Array): number[] {
  return [0, 1, 2].map(c => {
    const counts = new Int32Array(256)
    for (let k = c; k < data.length; k += 3) counts[Math.min(255, Math.max(0, Math.round(data[k]!)))]!++
    let [value, rest] = [0, data.length / 6]
    while (value < 255 && rest >= counts[value]!) rest -= counts[value++]!
    return value
  })
}

/**
 * Where recognizers have to look in an FFHQ square: the rectangle that the upright scale and shift of least squares takes
 * to the whole of the template's square, so that `cropResize(faces, rectangle, size)` is about `alignFace`'s face. A tilt
 * that the two alignments differ by stays.
 * @param landmarks the 68 landmarks in the square's pixels
 * @param side of the square
 * @returns shares of the side; it may reach beyond 0..1
 */
export function templateRectangle(landmarks: readonly Point[], side: number): Rectangle {
  const [from, to] = [fivePoints(landmarks), template(1)]
  const [p0, q0] = [centre(from), centre(to)]
  let [covariance, variance] = [0, 0]
  from.forEach((p, i) => {
    covariance += (p.x - p0.x) * (to[i]!.x - q0.x) + (p.y - p0.y) * (to[i]!.y - q0.y)
    variance += (p.x - p0.x) ** 2 + (p.y - p0.y) ** 2
  })
  if (!(covariance > 0)) throw new Error('templateRectangle: expected an upright face, found none')
  const scale = covariance / variance // template squares a pixel
  const [left, top] = [p0.x - q0.x / scale, p0.y - q0.y / scale]
  return {
    left: left / side,
    top: top / side,
    right: (left + 1 / scale) / side,
    bottom: (top + 1 / scale) / side,
  }
}
