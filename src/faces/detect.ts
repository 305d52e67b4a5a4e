/** The face finder: every face of a photo, which way up each of them is, and its landmarks. */
import type { Image } from '../images/image.ts'
import { type Box, clip, withoutOverlaps } from './box.ts'
import { look, passesFor } from './find/passes.ts'
import { placeLandmarks } from './find/place-landmarks.ts'
import { Pyramid } from './find/pyramid.ts'
import { brighten } from './find/tone.ts'
import { onePerFace, uprightFaces } from './find/upright.ts'
import { fivePoints, type Point } from './template.ts'

/** A face in a photo, in the photo's pixels. */
export interface Face {
  /** The part of the face's box inside of the photo. */
  readonly box: Box
  /** How sure the detector is, 0..1. */
  readonly score: number
  /** The 68 landmarks in iBUG 300-W order. Where the border cuts the face, some lie beyond it. */
  readonly landmarks: Point[]
  /** Eye centres, nose tip and mouth corners. */
  readonly points: Point[]
  /** Degrees by which the face is turned clockwise from upright, -180..180. */
  readonly roll: number
}

export interface DetectOptions {
  /** Least score of a face; 0.5 unless given. */
  readonly minConfidence?: number
}

/** Least score of a proposal, which a second look decides about. */
const leastProposal = 0.15

/**
 * Finds the faces of a photo, on the backend in use: CenterFace proposes places in looks at the whole photo (find/passes.ts),
 * looks again at each (find/second-look.ts) and decides face by face whether there is one and which way is up; the landmarks
 * are those of the face set upright.
 * @returns the faces from left to right (and from top to bottom where equal), none twice; empty where there is none
 */
export async function detectFaces(photo: Image, { minConfidence = 0.5 }: DetectOptions = {}): Promise<Face[]> {
  const seen = brighten(photo)
  const proposals = []
  for (const pass of passesFor(seen)) proposals.push(...(await look(seen, pass, leastProposal)))
  const pyramid = new Pyramid(seen)
  const upright = await uprightFaces(pyramid, onePerFace(proposals), minConfidence)
  const faces: Face[] = []
  for (const face of withoutOverlaps(upright)) {
    const box = clip(face.box, photo)
    if (!box) continue
    const landmarks = await placeLandmarks(pyramid, face)
    faces.push({ box, score: face.score, landmarks, points: fivePoints(landmarks), roll: within180(face.roll) })
  }
  return faces.sort((p, q) => p.box.x - q.box.x || p.box.y - q.box.y)
}

/** The same angle in -180..180. */
function within180(degrees: number): number {
  return degrees - 360 * Math.round(degrees / 360)
}
