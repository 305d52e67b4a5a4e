/** The 68 landmarks of a face that was seen upright. */

import { landmarkSize, landmarksOfSquare, landmarkTemplate } from '../landmarks.ts'
import { meanLandmarks } from '../mean-landmarks.ts'
import { apply, invert, type Similarity, similarity } from '../similarity.ts'
import { fivePoints, type Point } from '../template.ts'
import type { Pyramid } from './pyramid.ts'
import type { Upright } from './second-look.ts'

/**
 * The landmark network looks at the face as the detector's five points set it upright, and again as its own do. Where that
 * goes astray, because there is little to see, a mean face takes the place of what it says: the one that fits the detector's
 * points best.
 */
export async function placeLandmarks(photo: Pyramid, face: Pick<Upright, 'points' | 'box'>): Promise<Point[]> {
  const first = await look(photo, similarity(face.points, landmarkTemplate))
  const second = await look(photo, similarity(fivePoints(first), landmarkTemplate))
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

async function look(photo: Pyramid, toSquare: Similarity): Promise<Point[]> {
  const toPhoto = invert(toSquare)
  const landmarks = await landmarksOfSquare(await photo.warp(toPhoto, landmarkSize, landmarkSize))
  return landmarks.map(point => apply(toPhoto, point))
}
