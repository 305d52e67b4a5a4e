import type { Raster } from '../../faces/resample-similarity.ts'
import type { Point } from '../../faces/template.ts'
import type { Image } from '../../images/image.ts'

/** 0.299 R + 0.587 G + 0.114 B of the bytes (BT.601), in 0..255. */
export function luma({ data, width, height }: Image): Raster {
  const grey = new Float32Array(width * height)
  for (let i = 0; i < grey.length; i++)
    grey[i] = 0.299 * data[3 * i]! + 0.587 * data[3 * i + 1]! + 0.114 * data[3 * i + 2]!
  return { width, height, channels: 1, data: grey }
}

/** The part of a picture that holds some points and a margin of pixels around them, and where it begins. */
export function cutOut(
  { data, width, height }: Image,
  points: readonly Point[],
  margin: number,
): { readonly part: Image; readonly left: number; readonly top: number } {
  const range = (values: number[], size: number) => {
    const from = Math.max(0, Math.floor(Math.min(...values) - margin))
    return [
      Math.min(from, size - 1),
      Math.max(from + 1, Math.min(size, Math.ceil(Math.max(...values) + margin))),
    ] as const
  }
  const [left, right] = range(
    points.map(({ x }) => x),
    width,
  )
  const [top, bottom] = range(
    points.map(({ y }) => y),
    height,
  )
  const size = { width: right - left, height: bottom - top }
  const cut = new Uint8Array(size.width * size.height * 3)
  for (let y = 0; y < size.height; y++) {
    const from = 3 * ((top + y) * width + left)
    cut.set(data.subarray(from, from + 3 * size.width), 3 * y * size.width)
  }
  return { part: { ...size, data: cut }, left, top }
}
