/** Parts of a face in a picture, by its 68 landmarks (iBUG 300-W order), where a metric looks. */
import { centre, type Point } from '../../faces/template.ts'

export type Polygon = readonly Point[]

interface Size {
  readonly width: number
  readonly height: number
}

/** From the centre of one eye to that of the other, in pixels: the unit of every length that is relative to a face. */
export function eyeDistance(landmarks: readonly Point[]): number {
  const [left, right] = [centre(landmarks.slice(36, 42)), centre(landmarks.slice(42, 48))]
  return Math.hypot(right.x - left.x, right.y - left.y)
}

/** The convex hull of the landmarks, jaw to brows, shrunk about its middle so that no border of a mask lies in it. */
export function innerFace(landmarks: readonly Point[], shrink = 0.9): Polygon {
  const middle = centre(landmarks)
  return convexHull(landmarks).map(point => between(middle, point, shrink))
}

/** Both cheeks, the ridge of the nose and the forehead just above the brows: skin, where nothing covers it. */
export function skin(landmarks: readonly Point[]): Polygon[] {
  const at = (i: number) => landmarks[i]!
  const [eyes, mouth] = [centre(landmarks.slice(36, 48)), centre(landmarks.slice(48, 68))]
  const length = Math.hypot(mouth.x - eyes.x, mouth.y - eyes.y) || 1
  const e = eyeDistance(landmarks)
  // Down the face and across it to the right, as long as the distance of the eyes.
  const down = { x: (e * (mouth.x - eyes.x)) / length, y: (e * (mouth.y - eyes.y)) / length }
  const moved = (point: Point, along: number) => ({ x: point.x + along * down.x, y: point.y + along * down.y })
  const across = (point: Point, along: number) => ({ x: point.x + along * down.y, y: point.y - along * down.x })
  const cheek = (outer: number, inner: number, nostril: number, corner: number, jaw: readonly [number, number]) => [
    moved(at(outer), 0.25),
    moved(at(inner), 0.28),
    between(at(nostril), at(jaw[0]), 0.2),
    between(at(corner), at(jaw[1]), 0.3),
    between(at(jaw[1]), at(nostril), 0.25),
    between(at(jaw[0]), at(nostril), 0.2),
  ]
  const nose = [across(at(27), -0.05), across(at(27), 0.05), between(at(35), at(30), 0.4), between(at(31), at(30), 0.4)]
  const forehead = [moved(at(19), -0.12), moved(at(24), -0.12), moved(at(24), -0.35), moved(at(19), -0.35)]
  return [cheek(36, 39, 31, 48, [2, 4]), cheek(45, 42, 35, 54, [14, 12]), nose, forehead]
}

/** Where the centres of pixels lie in one of some polygons: [height, width], 1 inside and 0 outside. */
export function inside({ width, height }: Size, polygons: readonly Polygon[]): Uint8Array {
  const mask = new Uint8Array(width * height)
  for (const polygon of polygons) {
    const ys = polygon.map(({ y }) => y)
    const first = Math.max(0, Math.ceil(Math.min(...ys) - 0.5))
    const last = Math.min(height - 1, Math.floor(Math.max(...ys) - 0.5))
    for (let row = first; row <= last; row++) {
      const crossings = crossingsAt(polygon, row + 0.5)
      for (let k = 0; k + 1 < crossings.length; k += 2) {
        const from = Math.max(0, Math.ceil(crossings[k]! - 0.5))
        const to = Math.min(width - 1, Math.floor(crossings[k + 1]! - 0.5))
        for (let x = from; x <= to; x++) mask[row * width + x] = 1
      }
    }
  }
  return mask
}

/** Where a polygon crosses a row, from left to right. */
function crossingsAt(polygon: Polygon, y: number): number[] {
  return polygon
    .flatMap((p, i) => {
      const q = polygon[(i + 1) % polygon.length]!
      return p.y <= y === q.y <= y ? [] : [p.x + ((y - p.y) / (q.y - p.y)) * (q.x - p.x)]
    })
    .sort((a, b) => a - b)
}

const between = (p: Point, q: Point, share: number): Point => ({
  x: p.x + share * (q.x - p.x),
  y: p.y + share * (q.y - p.y),
})

/** The convex hull by Andrew's monotone chains. */
export function convexHull(points: readonly Point[]): Polygon {
  const sorted = points.toSorted((p, q) => p.x - q.x || p.y - q.y)
  const turn = (o: Point, p: Point, q: Point) => (p.x - o.x) * (q.y - o.y) - (p.y - o.y) * (q.x - o.x)
  const chain = (ordered: readonly Point[]) => {
    const hull: Point[] = []
    for (const point of ordered) {
      while (hull.length > 1 && turn(hull.at(-2)!, hull.at(-1)!, point) <= 0) hull.pop()
      hull.push(point)
    }
    return hull.slice(0, -1)
  }
  return [...chain(sorted), ...chain(sorted.toReversed())]
}
