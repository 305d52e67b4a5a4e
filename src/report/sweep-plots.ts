/** The plots of a sweep: privacy against utility, and what each axis does to both. */
import type { SweepConfig } from '../config/sweep.ts'
import type { Value } from '../sweep/space.ts'
import type { Plot, PlotAxis, PlotSize } from './plot.ts'
import { effectOf, measured, type SweepRow, type SweepTable, shownMeasure } from './sweep-table.ts'

export const plotSizes = {
  large: { width: 760, height: 460 },
  small: { width: 440, height: 300 },
} satisfies Record<string, PlotSize>

/** More values than these on an axis of numbers have no line through their means: a search hardly meets one twice. */
const mostMeans = 12

/** Utility over privacy, better ones to the right and up, with the Pareto front and its points' intervals. */
export function frontPlot({ title }: SweepConfig, { privacy, utility, rows, front }: SweepTable): Plot {
  const axis = ({ name, better }: SweepTable['privacy'], what: string): PlotAxis => ({
    label: `${name} (${what})`,
    reversed: better === 'lower',
  })
  return {
    title: `${title}: privacy and utility of ${rows.length} points, ${front.length} of them on the front`,
    x: axis(privacy, 'more private →'),
    y: axis(utility, 'more useful →'),
    points: rows.map(row => ({
      x: measured(row, privacy.name),
      y: measured(row, utility.name),
      // Bars of all points would hide them.
      ...(row.front && {
        xInterval: row.measures.get(privacy.name)?.interval,
        yInterval: row.measures.get(utility.name)?.interval,
        label: String(row.number),
      }),
      title: describe(row),
      strong: row.front,
    })),
    path: front.map(row => ({ x: measured(row, privacy.name), y: measured(row, utility.name) })),
  }
}

/** Privacy and utility over one axis, and what their files are called. */
export function axisPlots(config: SweepConfig, table: SweepTable, axis: string): { name: string; plot: Plot }[] {
  return [table.privacy, table.utility].map(({ name, better }) => ({
    name: `${axis}-${name}`,
    plot: axisPlot(config, table, axis, name, `${name} (${better} is better)`),
  }))
}

function axisPlot({ axes }: SweepConfig, table: SweepTable, axis: string, measure: string, label: string): Plot {
  const effect = effectOf(table, axis, measure)
  const { from, scale } = axes[axis]!
  const isRange = from !== undefined
  const place = (value: Value) => (isRange ? Number(value) : effect.findIndex(other => other.value === value))
  return {
    title: `${measure} over ${axis}`,
    x: { label: axis, ...(isRange ? { scale } : { names: effect.map(({ value }) => String(value)) }) },
    y: { label },
    points: table.rows.map(row => ({
      x: place(row.settings[axis]!),
      y: measured(row, measure),
      title: describe(row),
      strong: row.front,
    })),
    path: effect.length <= mostMeans ? effect.map(({ value, mean }) => ({ x: place(value), y: mean })) : [],
  }
}

function describe({ number, settings, measures }: SweepRow): string {
  const chosen = Object.entries(settings).map(([name, value]) => `${name} ${value}`)
  const values = [...measures.values()].slice(0, 8).map(measure => `${measure.name} ${shownMeasure(measure)}`)
  return `point ${number}: ${chosen.join(', ')}\n${values.join('\n')}`
}
