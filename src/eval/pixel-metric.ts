import { type PixelMeasure, pixelMeasures, pixels } from './features/pixels.ts'
import { meanOf, numbersOf } from './intervals.ts'
import type { Metric } from './metric.ts'
import type { Definition } from './metrics/definition.ts'
import { pooled } from './pooled.ts'

/** The means of what `pixels` compares, over the pictures of which there is a number. */
export function pixelMetric(
  name: string,
  group: Metric['group'],
  definitions: Partial<Record<PixelMeasure, Definition>>,
): Metric {
  return {
    name,
    group,
    definitions: Object.values(definitions),
    needs: () => [pixels],
    run: async (evalSet, version) => {
      const { rows, people } = await pooled(evalSet, pixels, version)
      const values = Object.entries(definitions).flatMap(([measure, definition]) => {
        const column = pixelMeasures.indexOf(measure as PixelMeasure)
        // Equal pictures have an infinite ratio, of which there is no mean.
        const each = rows.map(row => (Number.isFinite(row[column]) ? row[column] : undefined))
        const [found, of] = numbersOf(each, people)
        return found.length === 0 ? [] : [{ definition: definition.id, version, ...meanOf(found, of) }]
      })
      return { values }
    },
  }
}
