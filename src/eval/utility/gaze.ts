/** Do the eyes look where they looked? */
import { eyes } from '../features/eyes.ts'
import { meanOf } from '../intervals.ts'
import type { Metric } from '../metric.ts'
import { gazeAngle, gazeDefinition, leastOpening } from '../metrics/gaze.ts'
import { pooled } from '../pooled.ts'

/** Read in both pictures where the original's eyes are. */
export const gaze: Metric = {
  name: 'gaze',
  group: 'utility',
  definitions: [gazeDefinition],
  needs: () => [eyes],
  run: async (evalSet, version) => {
    const { rows, people } = await pooled(evalSet, eyes, version)
    const open = rows.flatMap((row, i) => (row[4]! >= leastOpening ? [{ row, of: people[i]! }] : []))
    if (open.length === 0) return { values: [] }
    const each = open.map(({ row }) => gazeAngle([row[0]!, row[1]!], [row[2]!, row[3]!]))
    return {
      values: [
        {
          definition: gazeDefinition.id,
          version,
          ...meanOf(
            each,
            open.map(({ of }) => of),
          ),
          network: 'iris (MediaPipe)',
          role: evalSet.role('iris'),
        },
      ],
    }
  },
}
