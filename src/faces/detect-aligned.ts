/** Whether a detector still finds the face in an aligned face. */
import { type Image, resizeImage } from '../data/image.ts'
import { detectFaces } from './detect.ts'

/**
 * The greatest score of a face in the picture, 0 where none reaches 0.5. The detector is made for faces in pictures, not for
 * pictures that a face fills: a quarter of the side is added all around by repeating the edge, and the whole is doubled.
 */
export async function detectionScore(face: Image): Promise<number> {
  const framed = repeatEdge(face, Math.round(face.width / 4))
  const picture = await resizeImage(framed, 2 * framed.width, 2 * framed.height)
  const found = await detectFaces(picture, { inputSize: 256, turned: false })
  return Math.max(0, ...found.map(({ score }) => score))
}

/** Adds `margin` pixels on every side. */
export function repeatEdge({ width, height, data }: Image, margin: number): Image {
  const [w, h] = [width + 2 * margin, height + 2 * margin]
  const framed = new Uint8Array(w * h * 3)
  const within = (position: number, size: number) => Math.min(Math.max(position - margin, 0), size - 1)
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      const from = 3 * (within(y, height) * width + within(x, width))
      framed.set(data.subarray(from, from + 3), 3 * (y * w + x))
    }
  }
  return { width: w, height: h, data: framed }
}
