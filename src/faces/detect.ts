/** The face finder: every face of a photo, which way up each of them is, and its landmarks. */
import type { Image } from '../images/image.ts'
import { type Box, clip, withoutOverlaps } from './box.ts'
import { look, passesFor } from './find/passes.ts'
import { Pyramid } from './find/pyramid.ts'
import type { Upright } from './find/second-look.ts'
import { onePerFace, uprightFaces } from './find/upright.ts'
import { landmarkSize, landmarksOfSquare, landmarkTemplate } from './landmarks.ts'
import { fivePoints, meanLandmarks, type Point } from './template.ts'
import { apply, invert, type Similarity, similarity } from './warp.ts'

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
  /** Least score of a face; 0.5 by default. */
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

// Dark photos for the detector: brighter, without clipping more than a few highlights.

/** Share of the values that may clip. */
const clipped = 0.02

/** A photo is dark when all but `clipped` of its values are below this. */
const dark = 128

/** What such a photo's brightest values become. */
const bright = 230

/** Pixels that are looked at, evenly spaced, where the photo has more. */
const tonePixels = 1e6

/** A dark photo with all its values multiplied; other photos as they are. */
export function brighten(photo: Image): Image {
  const counts = new Uint32Array(256)
  const step = 3 * Math.ceil(photo.data.length / 3 / tonePixels)
  for (let i = 0; i < photo.data.length; i += step) for (let c = 0; c < 3; c++) counts[photo.data[i + c]!]!++
  const most = clipped * counts.reduce((sum, count) => sum + count)
  let [brightest, above] = [255, counts[255]!]
  while (brightest > 0 && above <= most) above += counts[--brightest]!
  if (brightest >= dark || brightest === 0) return photo
  const table = Uint8Array.from(counts, (_, value) => Math.min(255, Math.round((value * bright) / brightest)))
  return { ...photo, data: photo.data.map(value => table[value]!) }
}

// The 68 landmarks of a face that was seen upright.

/**
 * The landmark network looks at the face as the detector's five points set it upright, and again as its own do. Where that
 * goes astray, because there is little to see, a mean face takes the place of what it says: the one that fits the detector's
 * points best.
 */
export async function placeLandmarks(photo: Pyramid, face: Pick<Upright, 'points' | 'box'>): Promise<Point[]> {
  const first = await landmarksIn(photo, similarity(face.points, landmarkTemplate))
  const second = await landmarksIn(photo, similarity(fivePoints(first), landmarkTemplate))
  const offsets = [first, second].map(landmarks => offset(fivePoints(landmarks), face))
  if (offsets[1]! <= most) return second
  if (offsets[0]! <= most) return first
  return meanFace(face.points)
}

/** How far the network's five points may be from the detector's, on the mean, relative to the side of the face's box. */
const most = 0.15

function offset(points: readonly Point[], { points: expected, box }: Pick<Upright, 'points' | 'box'>): number {
  const distances = points.map(({ x, y }, i) => Math.hypot(x - expected[i]!.x, y - expected[i]!.y))
  return distances.reduce((sum, distance) => sum + distance / 5, 0) / Math.sqrt(box.width * box.height)
}

function meanFace(points: readonly Point[]): Point[] {
  const mean = meanLandmarks(1)
  const toPhoto = similarity(fivePoints(mean), points)
  return mean.map(point => apply(toPhoto, point))
}

async function landmarksIn(photo: Pyramid, toSquare: Similarity): Promise<Point[]> {
  const toPhoto = invert(toSquare)
  const landmarks = await landmarksOfSquare(await photo.warp(toPhoto, landmarkSize, landmarkSize))
  return landmarks.map(point => apply(toPhoto, point))
}
