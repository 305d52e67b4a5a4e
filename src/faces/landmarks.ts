import * as tf from '@tensorflow/tfjs'
import type { Image } from '../images/image.ts'
import { type Box, clip } from './box.ts'
import { faceNetworks, pixels, read } from './networks.ts'
import { apply, invert, type Similarity, similarity } from './similarity.ts'
import { fivePoints, type Point, template } from './template.ts'
import { warp } from './warp.ts'

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
