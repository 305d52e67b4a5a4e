/** Puts faces into pictures: turned, scaled and cut out with hair and chin, with a soft rim. */

import type { Point } from '../../src/faces/template.ts'
import { apply, invert, type Similarity, sampler } from '../../src/faces/warp.ts'
import type { Image } from '../../src/images/image.ts'
import type { Place, SourceFace } from './sources.ts'

/** Half axes of the ellipse that is cut out with a face, relative to its box's side; it begins to fade at this share of them. */
const ellipse = { x: 0.85, y: 1.15, up: 0.12, solid: 0.85 }

const middleOf = ({ box: { x, y, width, height } }: Place): Point => ({ x: x + width / 2, y: y + height / 2 })
const sideOf = ({ box: { width, height } }: Place) => Math.sqrt(width * height)

/** The map that takes a source's face to a place: box of `side` pixels about `middle`, turned clockwise by `angle` degrees. */
export function placing(face: Place, middle: Point, side: number, angle: number): Similarity {
  const [scale, turn] = [side / sideOf(face), (angle * Math.PI) / 180]
  const [a, b] = [scale * Math.cos(turn), scale * Math.sin(turn)]
  const from = middleOf(face)
  return { a, b, tx: middle.x - (a * from.x - b * from.y), ty: middle.y - (b * from.x + a * from.y) }
}

/** Draws a source's face into a picture, as `toPicture` takes it there. @returns where it then is */
export function drawFace(picture: Image, face: SourceFace, toPicture: Similarity): Place {
  const toSource = invert(toPicture)
  const sample = sampler(face.picture, toSource)
  const [side, middle] = [sideOf(face), middleOf(face)]
  const centre = { x: middle.x, y: middle.y - ellipse.up * side }
  const reach = Math.hypot(toPicture.a, toPicture.b) * side * Math.max(ellipse.x, ellipse.y)
  const about = apply(toPicture, centre)
  const colour = new Float64Array(3)
  for (let y = Math.max(0, Math.floor(about.y - reach)); y < Math.min(picture.height, about.y + reach); y++) {
    for (let x = Math.max(0, Math.floor(about.x - reach)); x < Math.min(picture.width, about.x + reach); x++) {
      const p = apply(toSource, { x: x + 0.5, y: y + 0.5 })
      if (p.x < 0 || p.y < 0 || p.x > face.picture.width || p.y > face.picture.height) continue
      const radius = Math.hypot((p.x - centre.x) / (ellipse.x * side), (p.y - centre.y) / (ellipse.y * side))
      const share = Math.min(1, Math.max(0, (1 - radius) / (1 - ellipse.solid)))
      if (share === 0) continue
      sample(x + 0.5, y + 0.5, colour)
      const k = 3 * (y * picture.width + x)
      for (let c = 0; c < 3; c++)
        picture.data[k + c] = Math.round(picture.data[k + c]! + share * (colour[c]! - picture.data[k + c]!))
    }
  }
  return moved(face, toPicture)
}

/** A place under a map. The box stays upright and square to the picture: it is that of the turned face's middle and side. */
export function moved(face: Place, map: Similarity): Place {
  const [scale, middle] = [Math.hypot(map.a, map.b), apply(map, middleOf(face))]
  const [width, height] = [face.box.width * scale, face.box.height * scale]
  return {
    box: { x: middle.x - width / 2, y: middle.y - height / 2, width, height },
    points: face.points.map(point => apply(map, point)),
  }
}

/** The part of a picture under a map, as a picture of its own; beyond the source its edge is repeated. */
export function cut(
  face: SourceFace,
  toPicture: Similarity,
  width: number,
  height: number,
): { picture: Image; place: Place } {
  const data = new Uint8Array(width * height * 3)
  const sample = sampler(face.picture, invert(toPicture))
  const colour = new Float64Array(3)
  for (let y = 0, k = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      sample(x + 0.5, y + 0.5, colour)
      for (let c = 0; c < 3; c++) data[k++] = colour[c]! + 0.5
    }
  return { picture: { width, height, data }, place: moved(face, toPicture) }
}

/** Every value of a picture times a factor. */
export function darken({ width, height, data }: Image, factor: number): Image {
  return { width, height, data: data.map(value => Math.round(value * factor)) }
}
