/**
 * Keeps what happens in eyes and mouth: lids, irises, glasses, teeth, an open mouth. It compares patterns of light and dark,
 * whatever their brightness and contrast, blurred so far that skin and lashes may change.
 */
import * as tf from '@tensorflow/tfjs'
import type { Point } from '../faces/template.ts'
import { type Matrix, resample } from '../models/ops/resample.ts'
import { bilinear } from '../models/recognizers/recognizer.ts'
import { type ImageEnergy, imageEnergy, type OriginalFace, sumPerImage } from './image-energy.ts'

/** A part of the face: its landmarks, how much larger than they its box is, and the grid it is compared on. */
interface Part {
  readonly landmarks: readonly [first: number, end: number]
  readonly width: number
  /** Relative to the box's width, at least. */
  readonly aspect: number
  /** Height and width: about 2.7 pixels a cell of faces of 256 pixels, the width of the blur. */
  readonly grid: readonly [number, number]
  readonly weight: number
}

const parts: readonly Part[] = [
  { landmarks: [36, 42], width: 2, aspect: 0.7, grid: [14, 20], weight: 0.3 },
  { landmarks: [42, 48], width: 2, aspect: 0.7, grid: [14, 20], weight: 0.3 },
  { landmarks: [48, 68], width: 1.5, aspect: 0.7, grid: [20, 28], weight: 0.4 },
]

/** Share of red, green and blue in luma (Rec. 709). */
const luma = [0.2126, 0.7152, 0.0722]
/** Contrast below which a pattern is noise, of pixels in [-1, 1]; added to variances. */
const leastVariance = 0.03 ** 2

/**
 * Weighted mean over both eyes and the mouth of 1 - r, r the correlation of luma with the original's under a window that falls
 * off to the edge of the box: 0 for the same pattern, 1 for an unrelated one, at most 2.
 */
export function structureEnergy({ face, landmarks }: OriginalFace): ImageEnergy {
  const side = face.shape[1]
  const views = parts.map(part => ({ ...part, ...boxOf(landmarks, part, side) }))
  /** Windowed luma of one part: mean 0 and about length 1 under the window, [n, h, w, 1]. */
  const pattern = (images: tf.Tensor4D, { rows, columns, grid: [h, w] }: (typeof views)[number]) => {
    const [, height, width] = images.shape
    const box = resample(images, matrix(rows, height, h), matrix(columns, width, w))
    const grey = tf.sum(tf.mul(box, luma), 3, true)
    const window = windowOf(h, w)
    const centred = tf.sub(grey, tf.sum(tf.mul(grey, window), [1, 2], true))
    const variance = tf.sum(tf.mul(tf.square(centred), window), [1, 2], true)
    return tf.mul(tf.div(centred, tf.sqrt(tf.add(variance, leastVariance))), tf.sqrt(window))
  }
  return imageEnergy(
    'structure',
    () => Object.fromEntries(views.map((view, i) => [i, pattern(face, view)])),
    (images, originals) =>
      views.reduce<tf.Tensor1D>(
        (sum, view, i) => {
          // |p - q|^2 / 2 is 1 - r for patterns of length 1, and 0 for the same pattern of any contrast.
          const apart = sumPerImage(tf.squaredDifference(pattern(images, view), originals[i]!))
          return tf.add(sum, tf.mul(apart, view.weight / 2))
        },
        tf.zeros([images.shape[0]]),
      ),
  )
}

/** From and to along each axis, in units of the side. */
type Span = readonly [from: number, to: number]

const matrix = ([from, to]: Span, inputs: number, outputs: number): Matrix => bilinear(inputs, from, to, outputs)

/** The box of a part around the middle of its landmarks. */
function boxOf(points: readonly Point[], { landmarks: [first, end], width, aspect }: Part, side: number) {
  const own = points.slice(first, end)
  const span = (values: readonly number[], enlarged: number, least: number): Span => {
    const [low, high] = [Math.min(...values), Math.max(...values)]
    const [middle, half] = [(low + high) / 2, Math.max(enlarged * (high - low), least) / 2]
    return [(middle - half) / side, (middle + half) / side]
  }
  const [xs, ys] = [own.map(({ x }) => x), own.map(({ y }) => y)]
  const columns = span(xs, width, 0)
  const rows = span(ys, width, aspect * (columns[1] - columns[0]) * side)
  return { rows, columns }
}

/** A raised cosine along both axes, of sum 1, [1, h, w, 1]. */
function windowOf(height: number, width: number): tf.Tensor4D {
  const along = (size: number) =>
    Array.from({ length: size }, (_, i) => Math.sin((Math.PI * (i + 0.5)) / size) ** 2 / (size / 2))
  const [rows, columns] = [along(height), along(width)]
  return tf.tensor4d(
    rows.flatMap(row => columns.map(column => row * column)),
    [1, height, width, 1],
  )
}
