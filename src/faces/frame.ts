/** Detectors are made for faces in pictures, not for pictures that a face fills: such a picture gets a frame first. */
import type { Image } from '../images/image.ts'

/** How many pixels of frame a picture gets on every side: a quarter of the longer one. */
export function frameOf({ width, height }: Image): number {
  return Math.round(Math.max(width, height) / 4)
}

/** Adds `margin` pixels on every side by repeating the edge. */
export function repeatEdge({ width, height, data }: Image, margin: number): Image {
  const [w, h] = [width + 2 * margin, height + 2 * margin]
  const framed = new Uint8Array(w * h * 3)
  const within = (position: number, size: number) => Math.min(Math.max(position - margin, 0), size - 1)
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      const from = 3 * (within(y, height) * width + within(x, width))
      const to = 3 * (y * w + x)
      for (let c = 0; c < 3; c++) framed[to + c] = data[from + c]!
    }
  }
  return { width: w, height: h, data: framed }
}
