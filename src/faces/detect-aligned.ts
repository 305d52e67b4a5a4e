/** Whether a detector still finds the face in an aligned face. */
import { resizeImage } from '#codec'
import type { Image } from '../images/image.ts'
import { frameOf, repeatEdge } from './frame.ts'
import { detectSsd } from './ssd-mobilenet.ts'

/**
 * The greatest score of a face in the picture, 0 where none reaches 0.5. The picture gets a frame (frame.ts), and
 * the whole is doubled.
 */
export async function detectionScore(face: Image): Promise<number> {
  const framed = repeatEdge(face, frameOf(face))
  const picture = await resizeImage(framed, 2 * framed.width, 2 * framed.height)
  const found = await detectSsd(picture, { inputSize: 256 })
  return Math.max(0, ...found.map(({ score }) => score))
}
