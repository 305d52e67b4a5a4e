/** Is there still a face to be found? */
import { blazeFaces } from '../features/blaze-faces.ts'
import { foundFaces, surest } from '../features/faces.ts'
import type { PictureFeature } from '../features/feature.ts'
import { shareOf } from '../intervals.ts'
import type { Metric, Value } from '../metric.ts'
import { detectionRateDefinition } from '../metrics/detection-rate.ts'
import { pooled } from '../pooled.ts'

/** What detectors take for a face. */
const leastScore = 0.5

const detectors: readonly { network: string; feature: PictureFeature; best: (row: Float32Array) => number }[] = [
  {
    network: 'SSD MobileNet v1 (face-api), which finds the faces to protect',
    feature: foundFaces,
    best: surest,
  },
  { network: 'BlazeFace (human)', feature: blazeFaces, best: row => row[0] ?? 0 },
]

/** Under two detectors, of the originals too. */
export const detection: Metric = {
  name: 'detection',
  group: 'utility',
  definitions: [detectionRateDefinition],
  needs: () => detectors.map(({ feature }) => feature),
  run: async (study, version) => {
    const values: Value[] = []
    for (const { network, feature, best } of detectors)
      for (const which of ['original', version]) {
        const { rows, people } = await pooled(study, feature, which)
        const found = rows.map(row => best(row) >= leastScore)
        values.push({
          definition: detectionRateDefinition.id,
          version,
          of: which === 'original' ? 'originals' : version,
          ...shareOf(found, people),
          network,
        })
      }
    return { values }
  },
}
