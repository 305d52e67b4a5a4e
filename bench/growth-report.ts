/** What the bench of growth found: lines through it, and whether it grows as it should. */
import { markdownTable } from '../src/util/text-table.ts'
import type { Axis } from './growth-axes.ts'
import type { Machine } from './machine.ts'

export interface GrowthPoint {
  readonly value: number
  /** Of the processor. */
  readonly seconds: number
  /** The most held at once, in bytes, where the system tells. */
  readonly memory?: number
}

export interface Growth extends Axis {
  readonly backend: string
  readonly points: readonly GrowthPoint[]
}

export interface GrowthReport extends Machine {
  readonly growths: readonly Growth[]
}

/** The line y = offset + slope x with the least sum of squared distances. */
export function line(xs: readonly number[], ys: readonly number[]): { offset: number; slope: number } {
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length
  const [x, y] = [mean(xs), mean(ys)]
  const covariance = xs.reduce((sum, value, i) => sum + (value - x) * (ys[i]! - y), 0)
  const slope = covariance / xs.reduce((sum, value) => sum + (value - x) ** 2, 0)
  return { offset: y - slope * x, slope }
}

/** e of y ~ x^e between the last two values: 1 where growth is in proportion, 0 where there is none. */
export function exponent(xs: readonly number[], ys: readonly number[]): number {
  const [x0, x1] = xs.slice(-2) as [number, number]
  const [y0, y1] = ys.slice(-2) as [number, number]
  return Math.log(y1 / y0) / Math.log(x1 / x0)
}

/** Up to here growth counts as in proportion, and as none: measurements spread. */
const most = { linear: 1.15, flat: 0.1 } as const

export type Kind = 'flat' | 'linear' | 'faster than linear'

export function kindOf(exponent: number): Kind {
  return exponent <= most.flat ? 'flat' : exponent <= most.linear ? 'linear' : 'faster than linear'
}

/** Whether that is no more than it should be. */
const isRight = (kind: Kind, wanted: Axis['memory']) => kind === 'flat' || kind === wanted

/** The report as Markdown. */
export function growthMarkdown({ processor, cores, memoryGB, commit, growths }: GrowthReport): string {
  const backends = [...new Set(growths.map(({ backend }) => backend))]
  const rows = growths.map(({ title, unit, backend, values, points, memory }) => {
    const times = points.map(({ seconds }) => seconds)
    const held = points.flatMap(({ memory }) => memory ?? [])
    const verdict = (ys: readonly number[], wanted: Axis['memory']) => {
      const kind = kindOf(exponent(values, ys))
      return isRight(kind, wanted) ? kind : `**${kind}**`
    }
    const told = held.length === points.length
    return [
      title,
      backend,
      values.join(', '),
      times.map(seconds => seconds.toFixed(2)).join(', '),
      `${line(values, times).slope.toFixed(2)} s a ${unit}: ${verdict(times, 'linear')}`,
      told ? held.map(bytes => (bytes / 1e6).toFixed(0)).join(', ') : '',
      told ? `${(line(values, held).slope / 1e6).toFixed(0)} MB a ${unit}: ${verdict(held, memory)}` : '',
    ]
  })
  return [
    `${processor}, ${cores} cores, ${memoryGB} GB of memory, 1 thread; ${backends.join(' and ')}; commit ${commit}.`,
    '',
    markdownTable(['Grows', 'Backend', 'Values', 'Seconds', 'Time', 'Peak memory, MB', 'Memory'], rows, {
      numbers: true,
    }),
    '',
    problems(growths),
    '',
  ].join('\n')
}

function problems(growths: readonly Growth[]): string {
  const found = growths.flatMap(({ title, backend, values, points, memory }) => {
    const time = kindOf(
      exponent(
        values,
        points.map(({ seconds }) => seconds),
      ),
    )
    const held = points.flatMap(({ memory }) => memory ?? [])
    const kind = held.length === points.length ? kindOf(exponent(values, held)) : 'flat'
    return [
      ...(isRight(time, 'linear') ? [] : [`time of *${title}* on ${backend} is ${time}`]),
      ...(isRight(kind, memory) ? [] : [`memory of *${title}* on ${backend} is ${kind} where it should be ${memory}`]),
    ]
  })
  return found.length === 0 ? 'All grows as it should.' : `Not as it should be: ${found.join('; ')}.`
}
