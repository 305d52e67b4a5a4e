/** Keeps where the eyes look and how far they are open. */
import * as tf from '@tensorflow/tfjs'
import { centre, type Point } from '../faces/template.ts'
import { type EyePoints, irisSide } from '../models/iris.ts'
import { cropResize, type Rectangle } from '../models/recognizers/recognizer.ts'
import { type ImageEnergy, imageEnergy, type OriginalFace } from './image-energy.ts'

/** Side of the crop of an eye over the distance of its corners: what the network was trained on. */
const enlarged = 2.3
/** Outer and inner corner of each eye among the 68 landmarks: first the eye on the left of the picture. */
const corners: readonly (readonly [number, number])[] = [
  [36, 39],
  [45, 42],
]
/** An eye opened less than this, relative to its width, hides its iris: where it seems to look counts less. */
const openEnough = 0.2
/** From the centre of the eyeball to that of the iris, and between the corners of an eye, in millimetres (adults' means). */
const [toIris, cornerToCorner] = [10.5, 30]

/** Eyes [n, 64, 64, 3] in 0..1 -> their points. */
export type IrisNetwork = (eyes: tf.Tensor4D) => EyePoints

/** What the eyes of faces do, the eye on the left of the picture first; lengths are relative to an eye's width. */
export interface EyeState {
  /** Of the iris's centre from the middle between the eye's corners, along the line between them and down, [n, 2, 2]. */
  readonly offset: tf.Tensor3D
  /** Distance of the lids, [n, 2]. */
  readonly opening: tf.Tensor2D
}

/**
 * Reads the eyes of faces in one place: where those of the original are.
 * @returns images [n, s, s, 3] in [-1, 1] -> state of their eyes, differentiable
 */
export function eyeReader({ face, landmarks }: OriginalFace, network: IrisNetwork): (images: tf.Tensor4D) => EyeState {
  const rectangles = corners.map(([outer, inner]) => around(landmarks[outer]!, landmarks[inner]!, face.shape[1]))
  return images =>
    tf.tidy(() => {
      const n = images.shape[0]
      const [left, right] = rectangles.map(rectangle => cropResize(images, rectangle, irisSide))
      // The network knows eyes whose outer corner is on the left: the other one is mirrored.
      const eyes = tf.mul(tf.add(tf.concat([left!, tf.reverse(right!, 2)]), 1), 0.5) as tf.Tensor4D
      const { contour, iris } = network(eyes)
      const at = (points: tf.Tensor3D, i: number, count = 1) => tf.mean(tf.slice(points, [0, i, 0], [-1, count, -1]), 1)
      const [outer, inner] = [at(contour, 0), at(contour, 8)] as [tf.Tensor2D, tf.Tensor2D]
      const axis = tf.sub(inner, outer)
      const squaredWidth = tf.add(tf.sum(tf.square(axis), 1, true), 1e-3)
      const away = tf.sub(at(iris, 0), tf.mul(tf.add(outer, inner), 0.5))
      // The middle three points of each lid, which are opposite of one another.
      const lids = tf.sub(at(contour, 3, 3), at(contour, 11, 3))
      const along = (v: tf.Tensor) => tf.div(tf.sum(tf.mul(v, axis), 1, true), squaredWidth)
      const down = (v: tf.Tensor) => {
        const [ax, ay] = tf.split(axis, 2, 1) as [tf.Tensor, tf.Tensor]
        const [vx, vy] = tf.split(v, 2, 1) as [tf.Tensor, tf.Tensor]
        return tf.div(tf.sub(tf.mul(ax, vy), tf.mul(ay, vx)), squaredWidth)
      }
      // [2n, ...], all left eyes before all right ones -> [n, 2, ...]; the right one's x is mirrored back.
      const perFace = (x: tf.Tensor) => tf.transpose(tf.reshape(x, [2, n, -1]), [1, 0, 2])
      const mirror = tf.tensor3d([1, 1, -1, 1], [1, 2, 2])
      return {
        offset: tf.mul(perFace(tf.concat([along(away), down(away)], 1)), mirror),
        opening: tf.reshape(perFace(down(lids)), [n, 2]),
      } as unknown as tf.TensorContainer
    }) as unknown as EyeState
}

export interface GazeOptions {
  readonly network: IrisNetwork
  /** How much the opening of the lids counts beside the place of the iris. */
  readonly opening?: number
}

/**
 * Mean over both eyes of the squared distance of the iris's centre to where the original's is, in units of a tenth of the
 * eye's width (about 16 degrees of gaze), plus that of the opening. Where the original's eye is shut its iris counts less.
 */
export function gazeEnergy(original: OriginalFace, { network, opening: weight = 1 }: GazeOptions): ImageEnergy {
  const read = eyeReader(original, network)
  return imageEnergy(
    'gaze',
    () => {
      const { offset, opening } = read(original.face)
      const seen = tf.clipByValue(tf.div(opening, openEnough), 0, 1)
      return { offset, opening, seen }
    },
    (images, reference) => {
      const { offset, opening } = read(images)
      const look = tf.sum(tf.squaredDifference(offset, reference.offset), 2)
      const lids = tf.squaredDifference(opening, reference.opening)
      return tf.mul(tf.mean(tf.add(tf.mul(look, reference.seen), tf.mul(lids, weight)), 1), 100) as tf.Tensor1D
    },
  )
}

/**
 * Gaze relative to the head by a spherical eyeball whose centre lies behind the middle between the eye's corners: an iris that
 * is x to the right and y down of it (in eye widths) looks asin(x 30 / 10.5) to the right and asin(y 30 / 10.5) down, 30 mm
 * between the corners and 10.5 mm from the eyeball's centre to the iris. The head's own turn is left out, so that only
 * differences between pictures of the same pose mean something.
 * @returns [n, 2]: yaw, to the right of the picture, and pitch, down, in degrees, the mean of both eyes
 */
export function gazeDegrees({ offset }: EyeState): tf.Tensor2D {
  return tf.tidy(() => {
    const sine = tf.clipByValue(tf.mul(offset, cornerToCorner / toIris), -1, 1)
    return tf.mul(tf.mean(tf.asin(sine), 1), 180 / Math.PI) as tf.Tensor2D
  })
}

/** The square around an eye that the network wants, of a picture of a side. */
function around(outer: Point, inner: Point, side: number): Rectangle {
  const { x, y } = centre([outer, inner])
  const half = (enlarged * Math.hypot(outer.x - inner.x, outer.y - inner.y)) / 2
  return { left: (x - half) / side, top: (y - half) / side, right: (x + half) / side, bottom: (y + half) / side }
}
