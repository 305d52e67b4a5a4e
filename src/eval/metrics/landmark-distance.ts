import type { Point } from '../../faces/template.ts'
import { referenceSide } from './box-distance.ts'
import type { Definition } from './definition.ts'

export const landmarkDistanceDefinition: Definition = {
  id: 'landmark-distance',
  name: 'Landmark distance',
  unit: 'pixels of a 256 x 256 picture',
  text:
    'Mean absolute difference of the x and y of all landmarks found in the original and the other picture, scaled to ' +
    '256 x 256; mean over the pictures in which the face is found both times. The landmark network and the number of ' +
    'points are named beside it.',
  source: 'Li et al. (RiDDLE), CVPR 2023',
}

/** The mean L1 distance of the coordinates of landmarks, in pixels of a picture of 256 x 256. */
export function landmarkDistance(
  a: readonly Point[],
  b: readonly Point[],
  picture: { readonly width: number; readonly height: number },
): number {
  if (a.length !== b.length || a.length === 0)
    throw new Error(`landmarkDistance: expected as many landmarks, found ${a.length} and ${b.length}`)
  const [sx, sy] = [referenceSide / picture.width, referenceSide / picture.height]
  const sum = a.reduce((sum, p, i) => sum + sx * Math.abs(p.x - b[i]!.x) + sy * Math.abs(p.y - b[i]!.y), 0)
  return sum / (2 * a.length)
}
