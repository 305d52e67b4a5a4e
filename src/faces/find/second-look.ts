/**
 * A second look of the detector at a face that a first one proposed: cut out of the photo at the scale at which it knows
 * faces best, and turned. A small face is enlarged, one that lies or hangs is set upright, one that a tile cut is whole. What
 * it then says is worth more than the proposal: whether there is a face, where, and which way is up.
 */
import type { Box } from '../box.ts'
import type { Point } from '../template.ts'
import { apply, type Similarity } from '../warp.ts'
import { type Candidate, centerFaces } from './centerface.ts'
import type { Beyond, Pyramid } from './pyramid.ts'

/** A face as it was seen upright. */
export interface Upright extends Candidate {
  /** Degrees by which the face is turned clockwise from upright. */
  readonly roll: number
}

/** Sides in pixels of the square that is looked at and of a face's box in it. */
const lookSide = 128
const faceSide = 60

/** A face is the proposed one where its centre is no further off than this, relative to the box's side. */
const farthest = 0.5

/** And where its side is within this factor of the proposed one's. */
const mostScale = 2

/** How many squares the detector looks at in one go. */
const batchSize = 16

/** A place to look at, and how. */
export interface Look {
  readonly box: Box
  /** Degrees by which the look is turned clockwise. */
  readonly roll: number
  /** What is beyond the photo's border. */
  readonly beyond: Beyond
}

/**
 * Looks again, at each place as turned.
 * @returns for each look the surest face in its middle, in the photo's pixels; undefined where none is seen
 */
export async function lookAgain(
  photo: Pyramid,
  looks: readonly Look[],
  leastScore: number,
): Promise<(Upright | undefined)[]> {
  const found: (Upright | undefined)[] = []
  for (let start = 0; start < looks.length; start += batchSize) {
    const some = looks.slice(start, start + batchSize)
    const maps = some.map(squareOf)
    const squares = await Promise.all(
      maps.map((toPhoto, i) => photo.warp(toPhoto, lookSide, lookSide, some[i]!.beyond)),
    )
    const candidates = await centerFaces(squares, leastScore)
    candidates.forEach((faces, i) => {
      const own = faces.find(isProposed)
      found.push(own && inPhoto(own, maps[i]!, some[i]!.roll))
    })
  }
  return found
}

/** Whether a face of the square is the one in its middle. */
function isProposed({ box: { x, y, width, height } }: Candidate): boolean {
  const offset = Math.hypot(x + width / 2 - lookSide / 2, y + height / 2 - lookSide / 2)
  const ratio = Math.sqrt(width * height) / faceSide
  return offset <= farthest * faceSide && ratio <= mostScale && ratio >= 1 / mostScale
}

/** Takes the coordinates of the square that is looked at to the photo's. */
function squareOf({ box: { x, y, width, height }, roll }: Look): Similarity {
  const [scale, angle] = [Math.sqrt(width * height) / faceSide, (roll * Math.PI) / 180]
  const [a, b] = [scale * Math.cos(angle), scale * Math.sin(angle)]
  const middle = lookSide / 2
  return { a, b, tx: x + width / 2 - (a - b) * middle, ty: y + height / 2 - (a + b) * middle }
}

function inPhoto({ box, score, points }: Candidate, toPhoto: Similarity, roll: number): Upright {
  const middle = apply(toPhoto, { x: box.x + box.width / 2, y: box.y + box.height / 2 })
  const turned = roll + rollOf(points)
  const scale = Math.hypot(toPhoto.a, toPhoto.b)
  const { width, height } = turnedBox(box.width * scale, box.height * scale, turned)
  return {
    box: { x: middle.x - width / 2, y: middle.y - height / 2, width, height },
    score,
    points: points.map(point => apply(toPhoto, point)),
    roll: turned,
  }
}

/** The box of the ellipse in a box of width and height that is turned about its middle. */
function turnedBox(width: number, height: number, roll: number): { width: number; height: number } {
  const [cos, sin] = [Math.cos((roll * Math.PI) / 180), Math.sin((roll * Math.PI) / 180)]
  return { width: Math.hypot(width * cos, height * sin), height: Math.hypot(width * sin, height * cos) }
}

/** Degrees by which five points are turned clockwise from an upright face's, -180..180: from the eyes to the mouth is down. */
export function rollOf(points: readonly Point[]): number {
  const [left, right, , mouthLeft, mouthRight] = points as [Point, Point, Point, Point, Point]
  const eyes = { x: right.x - left.x, y: right.y - left.y }
  const down = {
    x: (mouthLeft.x + mouthRight.x - left.x - right.x) / 2,
    y: (mouthLeft.y + mouthRight.y - left.y - right.y) / 2,
  }
  // Both axes of the face, the second turned back by a quarter, as one sum.
  return (Math.atan2(eyes.y - down.x, eyes.x + down.y) * 180) / Math.PI
}
