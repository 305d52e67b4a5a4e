import { templateRectangle } from '../faces/alignment.ts'
import type { Rectangle } from '../models/recognizers/crop.ts'
import type { OriginalFace } from './image-energy.ts'

/**
 * Where a part of the aligned face of faces/template.ts lies in a face of FFHQ's alignment: networks that know their crop of
 * the first see the same of the second.
 * @param rectangle in units of the aligned face's side
 */
export function alignedRectangle({ face, landmarks }: OriginalFace, rectangle: Rectangle): Rectangle {
  const outer = templateRectangle(landmarks, face.shape[1])
  const [width, height] = [outer.right - outer.left, outer.bottom - outer.top]
  return {
    left: outer.left + width * rectangle.left,
    top: outer.top + height * rectangle.top,
    right: outer.left + width * rectangle.right,
    bottom: outer.top + height * rectangle.bottom,
  }
}
