/** What a sweep found, as a table: one row a point that is done, and which of them no other one beats. */
import type { SweepConfig } from '../config/sweep.ts'
import type { KeptFace } from '../sweep/folder.ts'
import type { Measure } from '../sweep/point.ts'
import { paretoFront } from '../sweep/point.ts'
import { aimOf, type SweepPoint } from '../sweep/run.ts'
import type { Settings, Value } from '../sweep/space.ts'
import { UserError } from '../util/errors.ts'
import { markdownTable } from '../util/text-table.ts'
import type { Plot, PlotAxis, PlotSize } from './plot.ts'

export interface SweepRow {
  readonly number: number
  readonly id: string
  readonly settings: Settings
  readonly measures: ReadonlyMap<string, Measure>
  readonly faces: readonly KeptFace[]
  /** Whether no other point is as good in privacy and utility and better in one. */
  readonly front: boolean
}

export interface SweepTable {
  readonly axes: readonly string[]
  /** Measures that are shown: privacy, utility, then further ones. */
  readonly columns: readonly string[]
  readonly privacy: ReturnType<typeof aimOf>
  readonly utility: ReturnType<typeof aimOf>
  /** Faces that every row is measured on. */
  readonly count: number
  /** By number. */
  readonly rows: readonly SweepRow[]
  /** Rows of the front, from the most private to the most useful. */
  readonly front: readonly SweepRow[]
  /** Points that have no row because they failed, were measured on fewer faces, or have no number of privacy or utility. */
  readonly failed: number
  readonly smaller: number
  readonly unmeasured: number
}

/**
 * The table of the points that are measured on the most faces: others cannot be compared with them.
 * @throws UserError when none of them has a number of both privacy and utility
 */
export function sweepTable(config: SweepConfig, points: readonly SweepPoint[]): SweepTable {
  const [privacy, utility] = [aimOf(config.privacy), aimOf(config.utility)]
  const done = points.flatMap(point => (point.outcome?.state === 'done' ? [{ ...point, outcome: point.outcome }] : []))
  const count = Math.max(...done.map(point => point.count))
  const full = done
    .filter(point => point.count === count)
    .map(({ number, id, settings, outcome: { measures, faces } }) => ({
      ...{ number, id, settings, faces },
      measures: new Map(measures.map(measure => [measure.name, measure])),
    }))
  const aims = [privacy, utility]
  const compared = full.filter(row => aims.every(({ name }) => Number.isFinite(measured(row, name))))
  if (compared.length === 0)
    throw new UserError(
      `expected points with numbers of ${privacy.name} and ${utility.name}, found none among ${full.length}: choose other measures as privacy and utility`,
    )
  const goodness = compared.map(
    row => aims.map(aim => (aim.better === 'lower' ? -1 : 1) * measured(row, aim.name)) as [number, number],
  )
  const front = paretoFront(goodness)
  const rows = compared.map((row, i) => ({ ...row, front: front.includes(i) }))
  return {
    axes: Object.keys(config.axes),
    columns: [...new Set([privacy.name, utility.name, ...config.measures, 'seconds'])],
    privacy,
    utility,
    count,
    rows: rows.toSorted((a, b) => a.number - b.number),
    front: front.map(i => rows[i]!),
    failed: points.filter(({ outcome }) => outcome?.state === 'failed').length,
    smaller: done.length - full.length,
    unmeasured: full.length - compared.length,
  }
}

/** A measure of a row; NaN where it has none, as `between` of one sample. */
export function measured({ measures }: Pick<SweepRow, 'measures'>, name: string): number {
  return measures.get(name)?.value ?? Number.NaN
}

/** What an axis does to a measure: its mean over the rows of each value, in the order of the axis. */
export function effectOf({ rows }: Pick<SweepTable, 'rows'>, axis: string, measure: string) {
  const values = [...new Set(rows.map(({ settings }) => settings[axis]!))].sort(byValue)
  return values.map(value => {
    const of = rows.filter(({ settings }) => settings[axis] === value).map(row => measured(row, measure))
    return { value, mean: of.reduce((sum, v) => sum + v, 0) / of.length, rows: of.length }
  })
}

function byValue(a: Value, b: Value): number {
  return typeof a === 'number' && typeof b === 'number' ? a - b : 0
}

/** Every measure of every row as comma-separated values (RFC 4180), intervals in columns of their own. */
export function sweepCsv({ axes, rows }: SweepTable): string {
  const names = [...new Set(rows.flatMap(({ measures }) => [...measures.keys()]))]
  const header = [
    'point',
    'id',
    ...axes,
    'front',
    ...names.flatMap(name => [name, `${name} low`, `${name} high`, `${name} n`]),
  ]
  const lines = rows.map(({ number, id, settings, front, measures }) => [
    ...[number, id, ...axes.map(axis => settings[axis]), front],
    ...names.flatMap(name => {
      const { value = '', interval: [low, high] = ['', ''], n = '' } = measures.get(name) ?? {}
      return [value, low, high, n]
    }),
  ])
  return [header, ...lines].map(cells => `${cells.map(quoted).join(',')}\r\n`).join('')
}

function quoted(cell: unknown): string {
  const text = String(cell)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** A number as the tables show it: three significant decimals, and its interval. */
export function shownMeasure(measure: Measure | undefined): string {
  if (!measure) return ''
  const digits = (value: number) => value.toFixed(Math.abs(value) >= 10 ? 1 : 3)
  const { value, interval } = measure
  return interval ? `${digits(value)} (${interval.map(digits).join(' to ')})` : digits(value)
}

/** The table as Markdown, with what its numbers are of. */
export function sweepMarkdown(config: SweepConfig, table: SweepTable, provenance: string): string {
  const { axes, columns, rows, count, privacy, utility } = table
  const body = rows.map(({ number, settings, measures, front }) => [
    number,
    ...axes.map(axis => settings[axis]),
    ...columns.map(name => shownMeasure(measures.get(name))),
    front ? 'yes' : '',
  ])
  return `# ${config.title}

${provenance}

N = ${count} faces a point, one of each person; 95 % intervals. Privacy is ${privacy.name} (${privacy.better} is better),
utility is ${utility.name} (${utility.better} is better). A point is on the front when no other one is as good in both
and better in one.

${markdownTable(['point', ...axes, ...columns, 'front'], body)}
`
}

// The plots of a sweep: privacy against utility, and what each axis does to both.

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
