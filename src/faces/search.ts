/** What a search for faces finds: those that are faces, those that may be, and how small a face may be to be found. */
import type { Image } from '../images/image.ts'
import type { Box } from './box.ts'
import { detectFaces, type Face } from './detect.ts'

/** From this score on a detection is a face; from the lesser one on it is doubtful, and people have to look at it. */
export const [surelyFace, perhapsFace] = [0.5, 0.3]

/** A detection that may be a face. */
export interface DoubtfulFace {
  readonly box: Box
  readonly score: number
}

export interface FaceSearch {
  /** From left to right, none twice. */
  readonly faces: readonly Face[]
  /** Between the two scores, apart from `faces`. */
  readonly doubtful: readonly DoubtfulFace[]
  /** Width in pixels from which faces are searched for. */
  readonly smallest: number
}

/** Width in pixels from which faces are searched for, in photos of any size at full resolution; smaller ones may be missed. */
const foundWidth = 20

/** Searches a photo for faces, on the backend in use. */
export async function searchFaces(photo: Image): Promise<FaceSearch> {
  const found = await detectFaces(photo, { minConfidence: perhapsFace })
  return {
    faces: found.filter(({ score }) => score >= surelyFace),
    doubtful: found.filter(({ score }) => score < surelyFace).map(({ box, score }) => ({ box, score })),
    smallest: foundWidth,
  }
}
