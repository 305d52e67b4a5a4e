/** Is a protected face as sharp and as grainy as the original? */

import { blur } from '../../faces/filters.ts'
import type { Point } from '../../faces/template.ts'
import type { Image } from '../../images/image.ts'
import type { Definition, Unmeasured } from './definition.ts'
import { eyeDistance, innerFace, inside, type Polygon, skin } from './face-regions.ts'
import { cutOut, luma } from './luma.ts'
import { sameSize } from './picture-pair.ts'

export const highFrequencyDefinition: Definition = {
  id: 'high-frequency-energy',
  name: 'High-frequency energy',
  unit: 'ratio; 1 is ideal',
  text:
    'Mean square of what a Gaussian blur takes away from the luma (0.299 R + 0.587 G + 0.114 B), over the pixels of the face ' +
    '(the convex hull of the original’s 68 landmarks, shrunk by a tenth about its middle) or of its skin (cheeks, nose and ' +
    'forehead): that of the protected face over that of the original’s; the median over pictures. The deviation of the ' +
    'blur is 2 % of the distance of the eyes, at least one pixel. Below 1 a face is smoother than in the photo, above it is ' +
    'sharper or grainier.',
  source:
    'this project; energy of the residual of a Gaussian pyramid (Burt and Adelson, IEEE Trans. Communications 31(4), 1983)',
}

/** Deviation of the blur, and how much around the landmarks it sees, relative to the distance of the eyes. */
const [share, margin] = [0.02, 0.6]

export interface HighFrequency {
  readonly face: number
  readonly skin: number
}

/**
 * The energy of high frequencies in the version over that in the original, of the face and of its skin.
 * @param landmarks the 68 landmarks of the original, in its pixels
 */
export function highFrequencyRatio(
  original: Image,
  version: Image,
  landmarks: readonly Point[],
): HighFrequency | Unmeasured {
  sameSize('highFrequencyRatio', original, version)
  const regions = { face: [innerFace(landmarks)], skin: skin(landmarks) }
  const [before, after] = [original, version].map(image => energies(image, landmarks, regions)) as [
    HighFrequency,
    HighFrequency,
  ]
  const ratios = { face: after.face / before.face, skin: after.skin / before.skin }
  if (Number.isFinite(ratios.face) && Number.isFinite(ratios.skin)) return ratios
  return { unmeasured: 'high-frequency energy needs an original that is not one colour' }
}

function energies(
  image: Image,
  landmarks: readonly Point[],
  regions: Readonly<Record<keyof HighFrequency, readonly Polygon[]>>,
): HighFrequency {
  const e = eyeDistance(landmarks)
  const { part, left, top } = cutOut(image, landmarks, margin * e)
  const grey = luma(part)
  const low = blur(grey, Math.max(1, share * e)).data
  const energyIn = (polygons: readonly Polygon[]) => {
    const local = polygons.map(polygon => polygon.map(({ x, y }) => ({ x: x - left, y: y - top })))
    let [sum, count] = [0, 0]
    for (const [i, is] of inside(part, local).entries()) {
      if (!is) continue
      sum += (grey.data[i]! - low[i]!) ** 2
      count++
    }
    return sum / count
  }
  return { face: energyIn(regions.face), skin: energyIn(regions.skin) }
}
