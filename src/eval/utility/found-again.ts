/** Is the face found where it was, by detectors that found it in the original? */
import type { Box } from '../../faces/box.ts'
import type { EvalSet } from '../eval-set.ts'
import { blazeFaces, readBoxes } from '../features/blaze-faces.ts'
import { foundFaces, readFaces } from '../features/faces.ts'
import type { PictureFeature } from '../features/feature.ts'
import { tinyFaces } from '../features/tiny-faces.ts'
import { shareOf } from '../intervals.ts'
import type { Metric, Score } from '../metric.ts'
import { foundAgainDefinition, overlapping } from '../metrics/found-again.ts'

interface Scored {
  readonly score: number
  readonly box: Box
}

const detectors: readonly {
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
const [leastScore, sureScore, sameFace, samePlace] = [0.5, 0.6, 0.3, 0.5]

/** Under three detectors, of the faces in whose originals SSD MobileNet finds one. */
export const foundAgain: Metric = {
  name: 'found-again',
  group: 'utility',
  definitions: [foundAgainDefinition],
  needs: () => detectors.map(({ feature }) => feature),
  run: async (evalSet, version) => {
    const values: Score[] = []
    for (const { network, feature, read } of detectors) {
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
