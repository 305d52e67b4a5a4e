/** What all metrics of two pictures share. */
import type { Image } from '../../images/image.ts'

/** @throws Error when the pictures differ in size */
export function sameSize(caller: string, a: Image, b: Image): void {
  if (a.width !== b.width || a.height !== b.height)
    throw new Error(
      `${caller}: expected pictures of one size, found ${a.width} x ${a.height} and ${b.width} x ${b.height}`,
    )
}

/** The three channels of a picture, each [height, width] in 0..255. */
export function channels({ data }: Image): Float64Array[] {
  return [0, 1, 2].map(c => Float64Array.from({ length: data.length / 3 }, (_, i) => data[3 * i + c]!))
}

/** Luma (ITU-R BT.601), [height, width] in 0..255. */
export function luma({ data }: Image): Float64Array {
  return Float64Array.from(
    { length: data.length / 3 },
    (_, i) => 0.299 * data[3 * i]! + 0.587 * data[3 * i + 1]! + 0.114 * data[3 * i + 2]!,
  )
}
