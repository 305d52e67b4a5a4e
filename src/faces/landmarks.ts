import * as tf from '@tensorflow/tfjs'
import type { Image } from '../images/image.ts'
import { type Box, clip } from './box.ts'
import { faceNetworks, pixels, read } from './networks.ts'
import { fivePoints, type Point, template } from './template.ts'
import { apply, invert, type Similarity, similarity, warp } from './warp.ts'

/** Side of the landmark network's input. */
export const landmarkSize = 112

/**
 * Where the five points are in the landmark network's second look. Of scales 0.9 to 1.3, 1.1 and 1.2 left the least scatter
 * over shifted, scaled and turned boxes, both moved up by 4 pixels; this is the one between them.
 */
export const landmarkTemplate = template(landmarkSize).map(({ x, y }) => ({
  x: 1.15 * (x - 56) + 56,
  y: 1.15 * (y - 56) + 52,
}))

/**
 * The 68 landmarks of the face in a box, without looking for it. The landmark network looks twice: at the part of the box
 * inside of the photo, in the middle of a black square, and then at the face turned upright and scaled by the landmarks
 * found, which halves their dependence on the box and takes most of that on the angle away.
 */
export async function landmarksInBox(photo: Image, box: Box): Promise<Point[]> {
  const inside = clip(box, photo)
  if (!inside) throw new Error(`landmarksInBox: expected a box that overlaps the photo, found ${JSON.stringify(box)}`)
  const scale = landmarkSize / Math.max(inside.width, inside.height)
  const centre = { x: inside.x + inside.width / 2, y: inside.y + inside.height / 2 }
  const toSquare = { a: scale, b: 0, tx: landmarkSize / 2 - scale * centre.x, ty: landmarkSize / 2 - scale * centre.y }
  const rough = await landmarksIn(photo, toSquare, { width: inside.width * scale, height: inside.height * scale })
  return landmarksIn(photo, similarity(fivePoints(rough), landmarkTemplate))
}

/**
 * One look of the landmark network at the square that `toSquare` cuts out of the photo.
 * @param shown how much of the square, around its middle, is not black
 */
async function landmarksIn(
  photo: Image,
  toSquare: Similarity,
  shown = { width: landmarkSize, height: landmarkSize },
): Promise<Point[]> {
  const toPhoto = invert(toSquare)
  const square = warp(photo, toPhoto, landmarkSize, landmarkSize)
  const middle = landmarkSize / 2
  for (let y = 0, k = 0; y < landmarkSize; y++) {
    for (let x = 0; x < landmarkSize; x++, k += 3) {
      const isBar = 2 * Math.abs(x + 0.5 - middle) > shown.width || 2 * Math.abs(y + 0.5 - middle) > shown.height
      if (isBar) square.data.fill(0, k, k + 3)
    }
  }
  return (await landmarksOfSquare(square)).map(point => apply(toPhoto, point))
}

/** What the landmark network says of a square picture of `landmarkSize`, in its pixels. */
export async function landmarksOfSquare(square: Image): Promise<Point[]> {
  const networks = await faceNetworks()
  const values = await read(tf.tidy(() => networks.landmarks(pixels(square))))
  return Array.from({ length: 68 }, (_, i) => ({
    x: values[2 * i]! * landmarkSize,
    y: values[2 * i + 1]! * landmarkSize,
  }))
}

// How a head is turned, from its landmarks.

/** Degrees. */
export interface HeadPose {
  /** To the side: 0 into the camera, 90 in profile, positive where the face looks to the picture's right. */
  readonly yaw: number
  /** Up and down: positive where it looks down. */
  readonly pitch: number
  /** About the line of sight, clockwise as seen: 0 upright. */
  readonly roll: number
}

/** Numbers of six landmarks (iBUG 300-W) and where they are on a generic head: x to the picture's right, y down, z away. */
const model: readonly (readonly [landmark: number, x: number, y: number, z: number])[] = [
  [30, 0, 0, 0],
  [8, 0, 330, 65],
  [36, -225, -170, 135],
  [45, 225, -170, 135],
  [48, -150, 150, 125],
  [54, 150, 150, 125],
]

/**
 * The pose under which a generic head of six points comes nearest to the landmarks, seen from afar (scaled orthography, as the
 * first step of POSIT, DeMenthon and Davis, 1995). Good to about 10 degrees up to a yaw of 45; of what is turned further,
 * the landmark network shows too little.
 * @param landmarks the 68 landmarks
 */
export function headPose(landmarks: readonly Point[]): HeadPose {
  const n = model.length
  const places = model.map(([i, x, y, z]) => [x, y, z, landmarks[i]!.x, landmarks[i]!.y])
  const means = [0, 1, 2, 3, 4].map(c => places.reduce((sum, row) => sum + row[c]! / n, 0))
  const rows = places.map(row => row.map((value, c) => value - means[c]!))
  // Least squares: [u, v] = [x, y, z] B with B of 3 x 2, by the normal equations.
  const dot = (p: number, q: number) => rows.reduce((sum, row) => sum + row[p]! * row[q]!, 0)
  const gram = [0, 1, 2].map(p => [0, 1, 2].map(q => dot(p, q)))
  const solve = (c: number) => solve3(gram, [dot(0, c), dot(1, c), dot(2, c)])
  const [i, j] = [solve(3), solve(4)]
  const unit = (v: readonly number[]) => v.map(value => value / (Math.hypot(...v) || 1))
  // Rows of a rotation: made orthogonal, each giving way as much as the other.
  const [a, b] = [unit(i), unit(j)]
  const cosine = a.reduce((sum, value, k) => sum + value * b[k]!, 0)
  const [p, q] = [
    unit(a.map((value, k) => value - (cosine / 2) * b[k]!)),
    unit(b.map((value, k) => value - (cosine / 2) * a[k]!)),
  ]
  const r = [p[1]! * q[2]! - p[2]! * q[1]!, p[2]! * q[0]! - p[0]! * q[2]!, p[0]! * q[1]! - p[1]! * q[0]!]
  const degrees = 180 / Math.PI
  // The rotation is first about the head's own axis, then up or down, then about the line of sight.
  return {
    yaw: Math.atan2(r[0]!, r[2]!) * degrees,
    pitch: Math.asin(Math.max(-1, Math.min(1, r[1]!))) * degrees,
    roll: Math.atan2(-p[1]!, q[1]!) * degrees,
  }
}

/** Cramer's rule. */
function solve3(m: readonly (readonly number[])[], v: readonly number[]): number[] {
  const det = (c: readonly (readonly number[])[]) =>
    c[0]![0]! * (c[1]![1]! * c[2]![2]! - c[1]![2]! * c[2]![1]!) -
    c[0]![1]! * (c[1]![0]! * c[2]![2]! - c[1]![2]! * c[2]![0]!) +
    c[0]![2]! * (c[1]![0]! * c[2]![1]! - c[1]![1]! * c[2]![0]!)
  const whole = det(m)
  return [0, 1, 2].map(k => det(m.map((row, y) => row.map((value, x) => (x === k ? v[y]! : value)))) / whole)
}
