import { type Box, intersectionOverUnion } from '../../faces/box.ts'
import { pooled } from '../embeddings.ts'
import type { EvalSet } from '../eval-set.ts'
import { blazeFaces, readBoxes, tinyFaces } from '../features/detectors.ts'
import { foundFaces, readFaces, surest } from '../features/faces.ts'
import type { PictureFeature } from '../features/feature.ts'
import { shareOf } from '../intervals.ts'
import type { Metric, Score } from '../metric.ts'
import type { Definition } from './definition.ts'

export const detectionRateDefinition: Definition = {
  id: 'detection-rate',
  name: 'Detection rate',
  unit: 'share, 0..1',
  text: 'Share of the pictures in which a named detector finds a face with a score of at least 0.5.',
  source: 'the share of pictures',
}

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

// Is there still a face to be found?

/** What detectors take for a face. */
const leastScore = 0.5

/** A detector, and the score of the surest face in a row of its feature. */
interface Detector {
  readonly network: string
  readonly feature: PictureFeature
  readonly best: (row: Float32Array) => number
}

export const detectors: readonly Detector[] = [
  {
    network: 'SSD MobileNet v1 (face-api)',
    feature: foundFaces,
    best: surest,
  },
  { network: 'BlazeFace (human)', feature: blazeFaces, best: row => row[0] ?? 0 },
]

/** Whether a detector found a face, by a row of its feature. */
export function isFound({ best }: Detector, row: Float32Array): boolean {
  return best(row) >= leastScore
}

/** Under two detectors, of the originals too. */
export const detection: Metric = {
  name: 'detection',
  group: 'utility',
  definitions: [detectionRateDefinition],
  needs: () => detectors.map(({ feature }) => feature),
  run: async (evalSet, version) => {
    const values: Score[] = []
    for (const detector of detectors)
      for (const which of ['original', version]) {
        const { rows, people } = await pooled(evalSet, detector.feature, which)
        const found = rows.map(row => isFound(detector, row))
        values.push({
          definition: detectionRateDefinition.id,
          version,
          of: which === 'original' ? 'originals' : version,
          ...shareOf(found, people),
          network: detector.network,
        })
      }
    return { values }
  },
}

// Is the face found where it was, by detectors that found it in the original?

interface Scored {
  readonly score: number
  readonly box: Box
}

const locators: readonly {
  readonly network: string
  readonly feature: PictureFeature
  readonly read: (row: Float32Array) => readonly Scored[]
}[] = [
  { network: 'SSD MobileNet v1 (face-api)', feature: foundFaces, read: readFaces },
  { network: 'BlazeFace (human)', feature: blazeFaces, read: readBoxes },
  { network: 'TinyFaceDetector (face-api)', feature: tinyFaces, read: readBoxes },
]

/**
 * What detectors take for a face, what they surely take for one, so that compression alone does not hide it, and how far its
 * box must agree with that of the face that counts.
 */
const [sureScore, sameFace, samePlace] = [0.6, 0.3, 0.5]

/** Under three detectors, of the faces in whose originals SSD MobileNet finds one. */
export const foundAgain: Metric = {
  name: 'found-again',
  group: 'utility',
  definitions: [foundAgainDefinition],
  needs: () => locators.map(({ feature }) => feature),
  run: async (evalSet, version) => {
    const values: Score[] = []
    for (const { network, feature, read } of locators) {
      const boxes = async (which: string, least: number, sample = 0) =>
        (await evalSet.rows(feature, which, { sample })).map(row =>
          read(row!).flatMap(({ score, box }) => (score >= least ? [box] : [])),
        )
      const originals = (await boxes('original', sureScore)).map((found, i) => faceOf(evalSet, found, i))
      const flags: { found: boolean; person: [string] }[] = []
      for (let sample = 0; sample < evalSet.sampleCount(version); sample++)
        for (const [i, found] of (await boxes(version, leastScore, sample)).entries()) {
          const box = originals[i]
          if (box)
            flags.push({
              found: overlapping(found, box, samePlace) !== undefined,
              person: [evalSet.cases[i]!.identity],
            })
        }
      if (flags.length === 0) continue
      values.push({
        definition: foundAgainDefinition.id,
        version,
        ...shareOf(
          flags.map(({ found }) => found),
          flags.map(({ person }) => person),
        ),
        network,
      })
    }
    return { values }
  },
}

/** The box of the face that counts among those of a detector. */
function faceOf(evalSet: EvalSet, found: readonly Box[], i: number): Box | undefined {
  const face = evalSet.faces[i]
  return face && overlapping(found, face.box, sameFace)
}
