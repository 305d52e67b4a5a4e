/** A part of a picture, which may reach beyond its border. */
import type { Image } from '../../images/image.ts'

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
