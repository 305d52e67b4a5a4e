/** Regions of an aligned face by its landmarks, for compositing: maps of side * side values, row-major. */
import { centre, type Point } from './template.ts'

export interface FaceRegions {
  readonly side: number
  /** 1 on the face, as `outlineMask`. */
  readonly outline: Float32Array
  /** 0 at the outline, 1 from a depth of 10 % of the side. */
  readonly depth: Float32Array
  /** 1 on brows, eyes, nose and mouth and between them, where a composite shows the generated face in any case. */
  readonly core: Float32Array
  /** 1 on brows, eyes, nostrils and mouth, where the face is not skin. */
  readonly features: Uint8Array
  /** 1 on eyes and between the lips, whose whites are not to be taken for skin. */
  readonly whites: Float32Array
  /** 1 on the forehead, above the brows. */
  readonly forehead: Float32Array
  /** 1 on chin and jaw, below the mouth's corners, where a beard grows. */
  readonly chin: Float32Array
}

/** @param landmarks the 68 landmarks in the square's pixels */
export function faceRegions(landmarks: readonly Point[], side: number): FaceRegions {
  const inner = convexHull(landmarks.slice(17))
  const depth = fill(faceOutline(landmarks), side, 0, 0.1 * side)
  return {
    side,
    outline: outlineMask(landmarks, side),
    depth,
    // In a turned head the inner landmarks come near the outline, and the background near them.
    core: fill(inner, side, -0.032 * side, 0.022 * side).map((value, i) => value * smoothStep(2.5 * depth[i]! - 0.5)),
    features: featuresOf(landmarks, side),
    whites: whitesOf(landmarks, side),
    ...bandsOf(landmarks, side),
  }
}

function featuresOf(landmarks: readonly Point[], side: number): Uint8Array {
  const parts: [from: number, to: number, wider: number][] = [
    [17, 22, 0.016],
    [22, 27, 0.016],
    [36, 42, 0.022],
    [42, 48, 0.022],
    [31, 36, 0.016],
    [48, 60, 0.018],
  ]
  const features = new Uint8Array(side * side)
  for (const [from, to, wider] of parts) {
    const part = fill(convexHull(landmarks.slice(from, to)), side, -wider * side, 1e-3)
    part.forEach((value, i) => {
      if (value > 0) features[i] = 1
    })
  }
  return features
}

function whitesOf(landmarks: readonly Point[], side: number): Float32Array {
  const parts = [landmarks.slice(36, 42), landmarks.slice(42, 48), landmarks.slice(60, 68)].map(part =>
    fill(convexHull(part), side, -0.01 * side, 0.012 * side),
  )
  return parts[0]!.map((value, i) => Math.max(value, parts[1]![i]!, parts[2]![i]!))
}

/** Forehead and chin as half-planes across the face's own axis, from the brows to under the mouth. */
function bandsOf(landmarks: readonly Point[], side: number): Pick<FaceRegions, 'forehead' | 'chin'> {
  const brows = centre(landmarks.slice(17, 27))
  const mouth = centre([landmarks[48]!, landmarks[54]!])
  const length = Math.hypot(mouth.x - brows.x, mouth.y - brows.y) || 1
  const [ux, uy] = [(mouth.x - brows.x) / length, (mouth.y - brows.y) / length]
  const [forehead, chin] = [new Float32Array(side * side), new Float32Array(side * side)]
  for (let y = 0, i = 0; y < side; y++) {
    for (let x = 0; x < side; x++, i++) {
      const down = (x + 0.5 - brows.x) * ux + (y + 0.5 - brows.y) * uy
      forehead[i] = smoothStep(-down / (0.03 * side))
      chin[i] = smoothStep((down - 0.72 * length) / (0.05 * side))
    }
  }
  return { forehead, chin }
}

// Where a face is in an aligned square, from its landmarks: what a composite may replace at most.

/** How far the mask stays inside of the landmarks' hull and how wide its soft rim is, relative to the square's side. */
const inset = 0.008
const feather = 0.03

/** Height of the forehead above the brows, relative to the distance from the brows to under the nose: about that of a third. */
const forehead = 0.95

/**
 * 1 on the face, 0 around it and at the square's border, rising smoothly over a rim of 3 % of the side. The shape is the
 * convex hull of the jaw line and of a forehead that is estimated from the brows and the nose: no landmark is on it.
 * @param landmarks the 68 landmarks in the square's pixels
 * @param side of the square and of the mask
 * @returns side * side values in 0..1, row-major
 */
export function outlineMask(landmarks: readonly Point[], side: number): Float32Array {
  return fill(faceOutline(landmarks), side, inset * side, feather * side)
}

/** The convex outline of the face, forehead included: corners in the order right, down, left, up. */
export function faceOutline(landmarks: readonly Point[]): Point[] {
  if (landmarks.length !== 68) throw new Error(`faceOutline: expected 68 landmarks, found ${landmarks.length}`)
  return convexHull([...landmarks.slice(0, 17), ...foreheadOf(landmarks)])
}

/**
 * How deep points are inside of a convex outline and of the square: 0 up to a depth of `from` pixels, 1 from `from + over`,
 * smooth between.
 */
export function fill(outline: readonly Point[], side: number, from: number, over: number): Float32Array {
  const edges = [...edgesOf(outline, from), ...edgesOf(square(side), 0)]
  const mask = new Float32Array(side * side)
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      let depth = over
      for (let i = 0; i < edges.length && depth > 0; i += 3) {
        depth = Math.min(depth, edges[i]! * (x + 0.5) + edges[i + 1]! * (y + 0.5) + edges[i + 2]!)
      }
      if (depth > 0) mask[y * side + x] = smoothStep(depth / over)
    }
  }
  return mask
}

/**
 * Half an ellipse over the ends of the jaw line, of exponent 2.4, whose top is above the middle of the brows: in a turned
 * head it leans.
 */
function foreheadOf(landmarks: readonly Point[]): Point[] {
  const [left, right] = [landmarks[0]!, landmarks[16]!]
  const brows = centre([...landmarks.slice(18, 21), ...landmarks.slice(23, 26)])
  const noseBase = landmarks[33]!
  const third = Math.hypot(brows.x - noseBase.x, brows.y - noseBase.y)
  const top = {
    x: brows.x + (forehead * (brows.x - noseBase.x) * third) / (third || 1),
    y: brows.y + (forehead * (brows.y - noseBase.y) * third) / (third || 1),
  }
  const middle = centre([left, right])
  const power = 2 / 2.4
  return Array.from({ length: 15 }, (_, i) => {
    const angle = (Math.PI * (i + 1)) / 16
    const [across, up] = [-Math.sign(Math.cos(angle)) * Math.abs(Math.cos(angle)) ** power, Math.sin(angle) ** power]
    return {
      x: middle.x + (across * (right.x - left.x)) / 2 + up * (top.x - middle.x),
      y: middle.y + (across * (right.y - left.y)) / 2 + up * (top.y - middle.y),
    }
  })
}

/** The convex hull by Andrew's monotone chains; seen with y down, its inside is to the right of every edge. */
export function convexHull(points: readonly Point[]): Point[] {
  const sorted = points.toSorted((p, q) => p.x - q.x || p.y - q.y)
  const chain = (ordered: readonly Point[]) => {
    const hull: Point[] = []
    for (const point of ordered) {
      while (hull.length > 1 && cross(hull.at(-2)!, hull.at(-1)!, point) <= 0) hull.pop()
      hull.push(point)
    }
    return hull.slice(0, -1)
  }
  return [...chain(sorted), ...chain(sorted.toReversed())]
}

function cross(o: Point, p: Point, q: Point): number {
  return (p.x - o.x) * (q.y - o.y) - (p.y - o.y) * (q.x - o.x)
}

function square(side: number): Point[] {
  return [
    { x: 0, y: 0 },
    { x: side, y: 0 },
    { x: side, y: side },
    { x: 0, y: side },
  ]
}

/** For every edge of a convex polygon, moved inwards, the three numbers of depth = nx x + ny y + d. */
function edgesOf(polygon: readonly Point[], inwards: number): number[] {
  return polygon.flatMap((p, i) => {
    const q = polygon[(i + 1) % polygon.length]!
    const length = Math.hypot(q.x - p.x, q.y - p.y)
    const [nx, ny] = [-(q.y - p.y) / length, (q.x - p.x) / length]
    return [nx, ny, -(nx * p.x + ny * p.y) - inwards]
  })
}

export function smoothStep(t: number): number {
  const s = Math.min(1, Math.max(0, t))
  return s * s * (3 - 2 * s)
}
