/** The two ways in which faces are cut out of photos, by name. */
import type { Image } from '../images/image.ts'
import { type AlignedFace, alignFace } from './align.ts'
import { alignFfhq } from './ffhq.ts'
import { landmarksInBox } from './landmarks.ts'
import type { Point } from './template.ts'

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
