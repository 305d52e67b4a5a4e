/** A photo at ever smaller sizes, so that a large face need not be looked at in all its pixels. */
import { resizeImage } from '#codec'
import type { Image } from '../../images/image.ts'
import { apply, type Similarity, scaleOf, warp } from '../warp.ts'

/** Halves of halves of a photo, each made when it is first needed. */
export class Pyramid {
  readonly #levels: Promise<Image>[]

  constructor(readonly photo: Image) {
    this.#levels = [Promise.resolve(photo)]
  }

  async #level(level: number): Promise<Image> {
    for (let i = this.#levels.length; i <= level; i++) {
      const above = this.#levels[i - 1]!
      this.#levels.push(
        above.then(image =>
          resizeImage(image, Math.max(1, Math.round(image.width / 2)), Math.max(1, Math.round(image.height / 2))),
        ),
      )
    }
    return this.#levels[level]!
  }

  /**
   * A picture of `width` x `height` seen through a map from its coordinates to the photo's.
   * @param beyond what is beyond the photo's border
   */
  async warp(toPhoto: Similarity, width: number, height: number, beyond: Beyond = 'mirror'): Promise<Image> {
    const image = await this.#level(Math.max(0, Math.floor(Math.log2(scaleOf(toPhoto)))))
    const [sx, sy] = [image.width / this.photo.width, image.height / this.photo.height]
    // Sides are rounded when they are halved: the mean of both scales is off by less than a pixel of the level.
    const scale = (sx + sy) / 2
    const toLevel = { a: toPhoto.a * scale, b: toPhoto.b * scale, tx: toPhoto.tx * sx, ty: toPhoto.ty * sy }
    const seen = windowOf(toLevel, width, height)
    const local = { ...toLevel, tx: toLevel.tx - seen.x, ty: toLevel.ty - seen.y }
    return warp(cutWindow(image, seen, beyond), local, width, height)
  }
}

/** Pixels around a place that interpolation reads. */
const reach = 3

/** The window of whole pixels that a map takes a picture of `width` x `height` into. */
function windowOf(map: Similarity, width: number, height: number): Window {
  const corners = [0, width].flatMap(x => [0, height].map(y => apply(map, { x, y })))
  const [xs, ys] = [corners.map(({ x }) => x), corners.map(({ y }) => y)]
  const [x, y] = [Math.floor(Math.min(...xs)) - reach, Math.floor(Math.min(...ys)) - reach]
  return { x, y, width: Math.ceil(Math.max(...xs)) + reach - x, height: Math.ceil(Math.max(...ys)) + reach - y }
}

// A part of a picture, which may reach beyond its border.

export interface Window {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

/**
 * What is beyond the border: the picture's mirror image, in which half a face has its other half and is found more surely; or
 * black, in which there is no telling a face that hangs from one that stands by its own mirror image.
 */
export type Beyond = 'mirror' | 'black'

/** Cuts a window of whole pixels out of a picture. */
export function cutWindow(image: Image, { x, y, width, height }: Window, beyond: Beyond): Image {
  if (x === 0 && y === 0 && width === image.width && height === image.height) return image
  const data = new Uint8Array(3 * width * height)
  // The columns that are inside.
  const left = Math.min(width, Math.max(0, -x))
  const right = Math.max(left, Math.min(width, image.width - x))
  for (let row = 0; row < height; row++) {
    if (beyond === 'black' && (y + row < 0 || y + row >= image.height)) continue
    const from = 3 * image.width * mirrored(y + row, image.height)
    const to = 3 * width * row
    if (right > left) data.set(image.data.subarray(from + 3 * (x + left), from + 3 * (x + right)), to + 3 * left)
    if (beyond === 'black') continue
    for (let column = 0; column < width; column++) {
      if (column === left) column = right
      if (column >= width) break
      const k = from + 3 * mirrored(x + column, image.width)
      for (let c = 0; c < 3; c++) data[to + 3 * column + c] = image.data[k + c]!
    }
  }
  return { width, height, data }
}

/** Where a position beyond the ends of 0..size-1 is in the mirror image there. */
function mirrored(position: number, size: number): number {
  const period = 2 * size
  const within = ((position % period) + period) % period
  return within < size ? within : period - 1 - within
}
