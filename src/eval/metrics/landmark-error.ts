import type { Point } from '../../faces/template.ts'
import type { Definition } from './definition.ts'
import { eyeDistance } from './face-regions.ts'

export const landmarkErrorDefinition: Definition = {
  id: 'landmark-error',
  name: 'Landmark error',
  unit: 'distances of the eyes',
  text:
    'Mean Euclidean distance of the 68 landmarks found in the protected face to those found in the original, over the ' +
    'distance of the centres of the original’s eyes; the median over the pictures in which the face is found both times. ' +
    'The landmark network is named beside it.',
  source:
    'normalised mean error of 300-W (Sagonas et al., ICCV workshops 2013), with the distance of the eyes’ centres',
}

/** Mean distance of landmarks to those of the original, in distances of the original's eyes. */
export function landmarkError(original: readonly Point[], version: readonly Point[]): number {
  if (original.length !== 68 || version.length !== 68)
    throw new Error(`landmarkError: expected 68 landmarks of each, found ${original.length} and ${version.length}`)
  const sum = original.reduce((sum, p, i) => sum + Math.hypot(p.x - version[i]!.x, p.y - version[i]!.y), 0)
  return sum / 68 / eyeDistance(original)
}
