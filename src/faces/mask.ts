import * as tf from '@tensorflow/tfjs'
import { weightsPath } from '#published'
import { bisenet, type FaceParser, faceParser, faceRegion } from '../models/bisenet.ts'
import { adaptiveAveragePool } from '../models/recognizers/recognizer.ts'
import { once } from '../util/memoize.ts'
import { batchNormLayout } from '../weights/layouts.ts'
import { loadWeights } from '../weights/load.ts'
import { convexHull } from './face-regions.ts'
import { faceSize, type Point } from './template.ts'

/**
 * Half the jaw line of the mean aligned face, ear to chin, in pixels of a 128 x 128 face: distance from the middle line
 * and height, measured on the landmarks of 22 faces.
 */
const halfJaw: readonly (readonly [number, number])[] = [
  [37.5, 61.7],
  [37.1, 71.6],
  [35.1, 80.9],
  [32.8, 89.1],
  [29, 98.1],
  [23.7, 105.4],
  [17.9, 110.8],
  [10.8, 116.6],
  [0, 119.9],
]

/** Height of the forehead over the line between the ears, relative to that of the jaw under it. */
const forehead = 0.75

/** How far the mask reaches over the outline of the face, and the width of its soft rim, relative to the face's side. */
const margin = 0.08
const feather = 0.12

/**
 * Where the face is in an aligned face: 1 on the face, 0 on the background and at the picture's border, rising smoothly
 * over a rim of 12 % of the side. The shape is the convex hull of the jaw line and of its mirror image over the ears,
 * three quarters as high, which covers the forehead; it may be made at any resolution, that of latents too.
 * @param size side of the mask in pixels
 * @returns size * size values in 0..1, row-major
 */
export function faceMask(size = faceSize): Float32Array {
  const jaw = meanJaw(size)
  const edges = [...sides(convexHull([...jaw, ...mirrored(jaw)]), margin * size), ...sides(square(size), 0)]
  const mask = new Float32Array(size * size)
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const depth = edges.reduce((least, edge) => Math.min(least, edge(x + 0.5, y + 0.5)), Number.POSITIVE_INFINITY)
      mask[y * size + x] = smoothStep(depth / (feather * size))
    }
  }
  return mask
}

/** The 17 points of the mean face's jaw line from ear to ear. */
function meanJaw(size: number): Point[] {
  const scale = size / 128
  const left = halfJaw.map(([x, y]) => ({ x: (64 - x) * scale, y: y * scale }))
  const right = halfJaw.map(([x, y]) => ({ x: (64 + x) * scale, y: y * scale }))
  return [...left, ...right.slice(0, -1).reverse()]
}

/** The jaw line mirrored in the line between its ends and flattened: an outline of the forehead. */
function mirrored(jaw: readonly Point[]): Point[] {
  const [p, q] = [jaw[0]!, jaw.at(-1)!]
  const [dx, dy] = [q.x - p.x, q.y - p.y]
  const square = dx * dx + dy * dy || 1
  return jaw.map(({ x, y }) => {
    const distance = ((x - p.x) * -dy + (y - p.y) * dx) / square
    return { x: x + (1 + forehead) * distance * dy, y: y - (1 + forehead) * distance * dx }
  })
}

function square(size: number): Point[] {
  return [
    { x: 0, y: 0 },
    { x: size, y: 0 },
    { x: size, y: size },
    { x: 0, y: size },
  ]
}

/** For every side of a convex polygon moved outwards, how deep a point is inside of it. */
function sides(polygon: readonly Point[], outwards: number): ((x: number, y: number) => number)[] {
  return polygon.map((p, i) => {
    const q = polygon[(i + 1) % polygon.length]!
    const length = Math.hypot(q.x - p.x, q.y - p.y)
    const [nx, ny] = [-(q.y - p.y) / length, (q.x - p.x) / length]
    return (x, y) => (x - p.x) * nx + (y - p.y) * ny + outwards
  })
}

function smoothStep(t: number): number {
  const s = Math.min(1, Math.max(0, t))
  return s * s * (3 - 2 * s)
}

// Where the background of an aligned face is, in the resolution of latents.

/** How the background is found: around the mean face, or by BiSeNet, which parses the face at hand. */
export type BackgroundFinder = 'template' | 'parsing'

/**
 * 1 where the background is and 0 on the face; in between where a latent's pixel shows both.
 * @param face [1, s, s, 3] in [-1, 1]
 * @param size side of the mask
 * @param parser called where BiSeNet is asked for
 * @returns [1, size, size, 1]
 * @throws UserError when BiSeNet is asked for and its weights are not on this machine
 */
export async function backgroundMask(
  face: tf.Tensor4D,
  size: number,
  finder: BackgroundFinder,
  parser: () => Promise<FaceParser> = loadFaceParser,
): Promise<tf.Tensor4D> {
  if (finder === 'template') return tf.tidy(() => tf.sub(1, tf.tensor4d(faceMask(size), [1, size, size, 1])))
  const parse = await parser()
  return tf.tidy(() => tf.sub(1, adaptiveAveragePool(faceRegion(parse(face)), size)) as tf.Tensor4D)
}

/** BiSeNet over its published weights, which are read once a process. @throws UserError when they are not here */
const loadFaceParser = once(async (): Promise<FaceParser> => {
  const path = await weightsPath('bisenet')
  return faceParser(await loadWeights(path, bisenet().parameters, { layout: batchNormLayout, strict: true }))
})
