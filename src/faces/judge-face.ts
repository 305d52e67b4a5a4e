/** Whether a found face can be given a new one, or has to be covered. */
import type { Image } from '../images/image.ts'
import type { Box } from './box.ts'
import { faceFit, misfit } from './cover-face.ts'
import { detectFaces, type Face } from './detect.ts'
import { headPose } from './landmarks.ts'
import { fivePoints, meanLandmarks } from './template.ts'

/** Why a face is covered instead of replaced. */
export const coverReasons = ['too small', 'misplaced', 'in profile', 'recognised'] as const
export type CoverReason = (typeof coverReasons)[number]

/** What keeps a face from being replaced. */
export interface FaceProblem {
  readonly reason: CoverReason
  /** What was found, in a few words. */
  readonly detail: string
}

/** A face as it will be replaced, or why it will not. */
export interface JudgedFace extends Face {
  readonly problem?: FaceProblem
}

/** Faces of narrower boxes show so little that nothing is won by a generated one. In pixels of the photo. */
const leastWidth = 24

/**
 * Heads turned further to the side are beyond the generator, which mostly saw faces that look into the camera, and beyond the
 * landmarks, whose jaw then leaves the face. Chosen by looking at train people of LFW and at portraits. In degrees.
 */
const mostYaw = 40

/** Judges a face that the detector found. It has looked at it in every turn: what does not fit its box fits in none. */
export function judgeFace(face: Face): JudgedFace {
  if (face.box.width < leastWidth)
    return { ...face, problem: { reason: 'too small', detail: `${Math.round(face.box.width)} pixels wide` } }
  const wrong = misfit(faceFit(face))
  if (wrong !== undefined) return { ...face, ...meanPlace(face), problem: { reason: 'misplaced', detail: wrong } }
  const yaw = Math.abs(headPose(face.landmarks).yaw)
  if (yaw > mostYaw)
    return { ...face, problem: { reason: 'in profile', detail: `turned by about ${Math.round(yaw)} degrees` } }
  return face
}

/** Where the detector's box is in the square of the mean landmarks: its middle and its height. */
const [meanMiddle, meanHeight] = [{ x: 0.5, y: 0.61 }, 0.62]

/** Landmarks where a mean face would have them in the box. */
function meanPlace({ box, roll }: Face): Pick<Face, 'landmarks' | 'points'> {
  const angle = (roll * Math.PI) / 180
  const scale = Math.max(box.width, box.height) / meanHeight
  const [cos, sin] = [scale * Math.cos(angle), scale * Math.sin(angle)]
  const landmarks = meanLandmarks(1).map(({ x, y }) => {
    const [dx, dy] = [x - meanMiddle.x, y - meanMiddle.y]
    return { x: box.x + box.width / 2 + cos * dx - sin * dy, y: box.y + box.height / 2 + sin * dx + cos * dy }
  })
  return { landmarks, points: fivePoints(landmarks) }
}

/** A box of a photo with more around it, by a share of its longer side, as far as there is any, and where that is. */
export function around(photo: Image, { x, y, width, height }: Box, share = 0.5) {
  const more = share * Math.max(width, height)
  const [left, top] = [Math.max(0, Math.floor(x - more)), Math.max(0, Math.floor(y - more))]
  const [right, bottom] = [
    Math.min(photo.width, Math.ceil(x + width + more)),
    Math.min(photo.height, Math.ceil(y + height + more)),
  ]
  const size = { width: right - left, height: bottom - top }
  const data = new Uint8Array(3 * size.width * size.height)
  for (let row = 0; row < size.height; row++) {
    const start = 3 * ((top + row) * photo.width + left)
    data.set(photo.data.subarray(start, start + 3 * size.width), 3 * row * size.width)
  }
  const image: Image = { ...size, data }
  return { image, left, top }
}

// What a search for faces finds: those that are faces, those that may be, and how small a face may be to be found.

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
