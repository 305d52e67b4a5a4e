/** Whether a new face will lie over a found one: how well the landmarks, which place it, fit the detector's box. */
import type { Box } from './box.ts'
import { faceOutline } from './composite-mask.ts'
import { meanLandmarks } from './mean-landmarks.ts'
import { apply, similarity } from './similarity.ts'
import type { Point } from './template.ts'

export interface FaceFit {
  /** Root mean square distance of the landmarks to those of a mean face laid over them, relative to that face's square. */
  readonly residual: number
  /** Side of the landmarks' bounding box relative to the detector's. */
  readonly size: number
  /** Distance of the middles of the two boxes, relative to the side of the detector's. */
  readonly offset: number
  /** Share of the detector's box, but its corners and edges, that is inside of the landmarks' outline. */
  readonly covered: number
}

/**
 * What a fit has to reach. Chosen by looking at 495 detections in photos of 260 train people of LFW and in 200 portraits: what
 * lies beyond are landmarks huddled on a part of the face, faces cut by the border or behind others, and no faces.
 */
const limits = { mean: 1e-4, residual: 0.062, least: 0.6, most: 1.6, offset: 0.3, covered: 0.9 } as const

/** The part of a box, from its middle, that has to be covered. */
const inner = 0.8

/** @param landmarks the 68 landmarks */
export function faceFit({ box, landmarks }: { readonly box: Box; readonly landmarks: readonly Point[] }): FaceFit {
  const extent = boundingBox(landmarks)
  if (!(extent.width > 0 && extent.height > 0))
    return { residual: Number.POSITIVE_INFINITY, size: 0, offset: 0, covered: 0 }
  const side = Math.sqrt(box.width * box.height)
  const [p, q] = [middleOf(extent), middleOf(box)]
  return {
    residual: residualOf(landmarks),
    size: Math.sqrt(extent.width * extent.height) / side,
    offset: Math.hypot(p.x - q.x, p.y - q.y) / side,
    covered: shareInside(box, faceOutline(landmarks)),
  }
}

/** What keeps landmarks from placing a face; undefined where nothing does. */
export function misfit({ residual, size, offset, covered }: FaceFit): string | undefined {
  // The finder puts a mean face where the landmark network saw none.
  if (residual < limits.mean) return 'too little to see for landmarks'
  if (!(residual <= limits.residual)) return 'landmarks that are those of no face'
  if (!(size >= limits.least && size <= limits.most)) return `landmarks ${size.toFixed(1)} times the size of the face`
  if (!(offset <= limits.offset)) return 'landmarks beside the face'
  if (!(covered >= limits.covered)) return `landmarks around ${Math.floor(100 * covered)} % of the face`
  return undefined
}

function residualOf(landmarks: readonly Point[]): number {
  const mean = meanLandmarks(1)
  const map = similarity(landmarks, mean)
  const squares = landmarks.map((point, i) => {
    const { x, y } = apply(map, point)
    return (x - mean[i]!.x) ** 2 + (y - mean[i]!.y) ** 2
  })
  return Math.sqrt(squares.reduce((a, b) => a + b, 0) / landmarks.length)
}

/** Of the ellipse in the inner part of a box, the share inside of a convex outline whose inside is to the right. */
function shareInside(box: Box, outline: readonly Point[]): number {
  const steps = 40
  const { x, y } = middleOf(box)
  let [inside, all] = [0, 0]
  for (let i = 0; i < steps; i++) {
    for (let j = 0; j < steps; j++) {
      const [u, v] = [(2 * i + 1) / steps - 1, (2 * j + 1) / steps - 1]
      if (u * u + v * v > 1) continue
      all++
      if (isInside(outline, x + (inner * u * box.width) / 2, y + (inner * v * box.height) / 2)) inside++
    }
  }
  return inside / all
}

function isInside(outline: readonly Point[], x: number, y: number): boolean {
  return outline.every((p, i) => {
    const q = outline[(i + 1) % outline.length]!
    return (q.x - p.x) * (y - p.y) - (q.y - p.y) * (x - p.x) >= 0
  })
}

/** The smallest box around some points. */
export function boundingBox(points: readonly Point[]): Box {
  const [xs, ys] = [points.map(({ x }) => x), points.map(({ y }) => y)]
  const [left, top] = [Math.min(...xs), Math.min(...ys)]
  return { x: left, y: top, width: Math.max(...xs) - left, height: Math.max(...ys) - top }
}

function middleOf({ x, y, width, height }: Box): Point {
  return { x: x + width / 2, y: y + height / 2 }
}
