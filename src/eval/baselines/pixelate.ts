import type { Image } from '../../images/image.ts'
import { baseline, type Method } from '../methods/method.ts'

/** Squares of `block` x `block` pixels, each in its mean colour. */
export function pixelate(block: number): Method {
  return baseline(
    `pixelate-${block}`,
    { method: 'pixelate', block },
    async () =>
      ({ image }) =>
        pixelated(image, block),
  )
}

function pixelated({ width, height, data }: Image, block: number): Image {
  const result = new Uint8Array(data.length)
  for (let top = 0; top < height; top += block)
    for (let left = 0; left < width; left += block) {
      const places: number[] = []
      for (let y = top; y < Math.min(top + block, height); y++)
        for (let x = left; x < Math.min(left + block, width); x++) places.push(3 * (y * width + x))
      for (let c = 0; c < 3; c++) {
        const mean = places.reduce((sum, place) => sum + data[place + c]!, 0) / places.length
        for (const place of places) result[place + c] = Math.round(mean)
      }
    }
  return { width, height, data: result }
}
