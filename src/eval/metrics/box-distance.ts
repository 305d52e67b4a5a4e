import type { Box } from '../../faces/box.ts'
import type { Definition } from './definition.ts'

/** Side of the pictures that distances in pixels are of, whatever the pictures' own size. */
export const referenceSide = 256

export const boxDistanceDefinition: Definition = {
  id: 'box-distance',
  name: 'Bounding-box distance',
  unit: 'pixels of a 256 x 256 picture',
  text:
    "Mean absolute difference of left, top, right and bottom of the detector's boxes in the original and the other " +
    'picture, scaled to 256 x 256; mean over the pictures in which the face is found both times. The detector is named ' +
    'beside it.',
  source: 'Li et al. (RiDDLE), CVPR 2023',
}

/** The mean L1 distance of two boxes' sides, in pixels of a picture of 256 x 256. */
export function boxDistance(a: Box, b: Box, picture: { readonly width: number; readonly height: number }): number {
  const [sx, sy] = [referenceSide / picture.width, referenceSide / picture.height]
  const horizontal = Math.abs(a.x - b.x) + Math.abs(a.x + a.width - b.x - b.width)
  const vertical = Math.abs(a.y - b.y) + Math.abs(a.y + a.height - b.y - b.height)
  return (sx * horizontal + sy * vertical) / 4
}
