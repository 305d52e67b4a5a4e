import { similarity } from '../faces/similarity.ts'
import { centre, fivePoints, template } from '../faces/template.ts'
import type { Rectangle } from '../models/recognizers/crop.ts'
import type { OriginalFace } from './image-energy.ts'

/**
 * Where a part of the aligned face of faces/template.ts lies in a face of another alignment: networks that know their crop of
 * the first see the same of the second. Scale and shift are fitted to the five points; faces in FFHQ alignment are upright
 * already, so that the turn is left out.
 * @param rectangle in units of the aligned face's side
 */
export function alignedRectangle({ face, landmarks }: OriginalFace, rectangle: Rectangle): Rectangle {
  const side = face.shape[1]
  const [from, to] = [fivePoints(landmarks), template(1)]
  const { a } = similarity(from, to) // of the turn only the part that does not turn
  const [p, q] = [centre(from), centre(to)]
  const x = (at: number) => ((at - q.x) / a + p.x) / side
  const y = (at: number) => ((at - q.y) / a + p.y) / side
  return { left: x(rectangle.left), top: y(rectangle.top), right: x(rectangle.right), bottom: y(rectangle.bottom) }
}
