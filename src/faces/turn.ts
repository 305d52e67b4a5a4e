import type { Image } from '../images/image.ts'
import type { Point } from './template.ts'

/** A picture turned clockwise by a number of quarters. */
export function turn(image: Image, quarters: number): Image {
  if (quarters === 0) return image
  const [width, height] = quarters % 2 === 0 ? [image.width, image.height] : [image.height, image.width]
  const data = new Uint8Array(width * height * 3)
  for (let y = 0, k = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = turnBack({ x: x + 0.5, y: y + 0.5 }, quarters, image)
      const j = 3 * (Math.floor(from.y) * image.width + Math.floor(from.x))
      data[k++] = image.data[j]!
      data[k++] = image.data[j + 1]!
      data[k++] = image.data[j + 2]!
    }
  }
  return { width, height, data }
}

/** Where a point of the turned picture is in the picture of the given size that was turned clockwise. */
export function turnBack(
  { x, y }: Point,
  quarters: number,
  { width, height }: { readonly width: number; readonly height: number },
): Point {
  if (quarters === 0) return { x, y }
  if (quarters === 1) return { x: y, y: height - x }
  if (quarters === 2) return { x: width - x, y: height - y }
  return { x: width - y, y: x }
}
