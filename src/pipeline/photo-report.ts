/** What became of the faces of a photo: for the summary of a run, and for the page on which people review it. */
import type { Box } from '../faces/box.ts'
import type { FaceProblem } from '../faces/judge-face.ts'
import type { RecognizerName } from '../faces/recognizers.ts'
import type { DoubtfulFace } from '../faces/search.ts'

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
