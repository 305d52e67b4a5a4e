/** What is found in a photo, and what becomes of its faces: for the summary of a run, and for the page on which people review it. */
import type { Box } from '../faces/box.ts'
import {
  type DoubtfulFace,
  type FaceProblem,
  type FaceSearch,
  type JudgedFace,
  judgeFace,
  searchFaces,
} from '../faces/judge-face.ts'
import type { RecognizerName } from '../faces/recognizers.ts'
import type { Image } from '../images/image.ts'
import { UserError } from '../util/errors.ts'

/** One face in one version of the photo, compared with every face of the original photo. */
export interface FaceCheck {
  /** The greatest cosine similarity; of hidden faces, to the face's own original. */
  readonly similarity: number
  /** Whether the recognizer accepts that: it takes the two for one person. */
  readonly accepted: boolean
}

export interface FaceReport {
  readonly box: Box
  readonly score: number
  /** Why it was covered, in a version at least, and not given a new face. */
  readonly covered?: FaceProblem
  /** How often it was sampled again because of its checks. */
  readonly resampled: number
  /** One a version, unless the check was switched off. */
  readonly checks: readonly FaceCheck[]
}

export interface PhotoReport {
  /** Of the photo, upright. */
  readonly width: number
  readonly height: number
  /** From left to right. */
  readonly faces: readonly FaceReport[]
  /** Detections that were left as they are. */
  readonly doubtful: readonly DoubtfulFace[]
  /** Width in pixels of the smallest face that the search finds in this photo. */
  readonly smallest: number
  /** By which recognizer the result was checked; none where it was not. */
  readonly checkedBy?: RecognizerName
}

export interface PhotoSearch extends Omit<FaceSearch, 'faces'> {
  readonly faces: readonly JudgedFace[]
}

/** Searches a photo for faces and judges each, on the backend in use. */
export async function searchPhoto(photo: Image): Promise<PhotoSearch> {
  const search = await searchFaces(photo)
  return { ...search, faces: search.faces.map(judgeFace) }
}

/** A photo without a face. */
export class NoFaceError extends UserError {
  /**
   * @param search what was found instead, and in what size of photo
   * @param path of the photo, where it is known
   */
  constructor(
    readonly search: Omit<PhotoSearch, 'faces'> & { readonly width: number; readonly height: number },
    path?: string,
  ) {
    const where = path === undefined ? '' : `${path}: `
    super(`${where}expected a photo with a face, found none in it: is a face at least ${search.smallest} pixels wide?`)
  }
}
