/** Is there still a face to be found? */
import { blazeFaces } from '../features/blaze-faces.ts'
import { foundFaces, surest } from '../features/faces.ts'
import type { PictureFeature } from '../features/feature.ts'
import { shareOf } from '../intervals.ts'
import type { Metric, Score } from '../metric.ts'
import { detectionRateDefinition } from '../metrics/detection-rate.ts'
import { pooled } from '../pooled.ts'

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
