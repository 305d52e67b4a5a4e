/** A photo at ever smaller sizes, so that a large face need not be looked at in all its pixels. */
import { resizeImage } from '#codec'
import type { Image } from '../../images/image.ts'
import { apply, type Similarity, scaleOf } from '../similarity.ts'
import { warp } from '../warp.ts'
import { type Beyond, cutWindow, type Window } from './window.ts'

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
