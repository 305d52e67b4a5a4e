import { type Box, intersectionOverUnion } from '../../faces/box.ts'
import type { Definition } from './definition.ts'

export const foundAgainDefinition: Definition = {
  id: 'found-again',
  name: 'Faces found again',
  unit: 'share, 0..1',
  text:
    'Of the pictures in whose original a named detector finds the face that counts with a score of at least 0.6 (a box that ' +
    'overlaps the face’s by 0.3 of their union or more), the share in whose protected version it finds a face at the place ' +
    'of that box, overlapping by half of their union or more, with a score of at least 0.5.',
  source: 'recall at an overlap of 0.5 (Everingham et al., PASCAL VOC, IJCV 88(2), 2010)',
}

/** The box that overlaps another one most, if by `least` or more. */
export function overlapping(boxes: readonly Box[], with_: Box, least: number): Box | undefined {
  const [best] = boxes
    .map(box => ({ box, overlap: intersectionOverUnion(box, with_) }))
    .toSorted((p, q) => q.overlap - p.overlap)
  return best && best.overlap >= least ? best.box : undefined
}
