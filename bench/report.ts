/** What a run of the bench found, and its figures. */
import { markdownTable } from '../src/util/text-table.ts'
import type { Machine } from './machine.ts'

export interface SideResult {
  readonly library: string
  /** Of each repetition, in order. */
  readonly seconds: readonly number[]
  /** Bytes, where the system tells. */
  readonly peakMemory?: number
}

export interface Result {
  readonly name: string
  readonly title: string
  /** Floating-point operations of a repetition in convolutions and matrix products, counted on our side. */
  readonly operations: number
  readonly ours: SideResult
  readonly theirs: SideResult
}

export interface Report extends Machine {
  readonly threads: number
  readonly peaks: readonly Result[]
  readonly results: readonly Result[]
}

export interface Spread {
  readonly minimum: number
  readonly median: number
  readonly maximum: number
}

export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  const median = (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2
  return { minimum: sorted[0]!, median, maximum: sorted.at(-1)! }
}

/** Our time over PyTorch's, of neighbouring repetitions: what slows the machine for a while slows both. */
export const ratios = ({ ours, theirs }: Result): Spread =>
  spread(ours.seconds.map((seconds, i) => seconds / theirs.seconds[i]!))

/** Operations a second, of the median repetition. */
export const rate = (operations: number, { seconds }: SideResult): number => operations / spread(seconds).median

/** The most operations a second that either side reached at what processors do best. */
export const peakRate = (peaks: readonly Result[]): number =>
  Math.max(...peaks.flatMap(({ operations, ours, theirs }) => [ours, theirs].map(side => operations / spread(side.seconds).minimum))) // biome-ignore format: one line

const seconds = (value: number): string =>
  value < 1 ? `${(value * 1e3).toFixed(value < 0.1 ? 1 : 0)} ms` : `${value.toFixed(2)} s`

/** One result on one line. */
export function summarise(result: Result): string {
  const { minimum, median, maximum } = ratios(result)
  const times = [result.ours, result.theirs].map(side => seconds(spread(side.seconds).median))
  return `${result.title}: ours ${times[0]}, PyTorch ${times[1]}, ratio ${median.toFixed(2)} (${minimum.toFixed(2)} to ${maximum.toFixed(2)})`
}

/** The report as Markdown. */
export function markdown({ processor, cores, memoryGB, threads, commit, peaks, results }: Report): string {
  const gigaflops = (value: number) => (value / 1e9).toFixed(0)
  const gigabytes = (bytes?: number) => (bytes === undefined ? '' : (bytes / 1e9).toFixed(2))
  const peak = peakRate(peaks)
  const rows = results.map(result => {
    const { operations, ours, theirs } = result
    const { minimum, median, maximum } = ratios(result)
    const rates = [ours, theirs].map(side => rate(operations, side))
    return [
      result.title,
      seconds(spread(ours.seconds).median),
      seconds(spread(theirs.seconds).median),
      `**${median.toFixed(2)}** (${minimum.toFixed(2)} to ${maximum.toFixed(2)})`,
      rates.map(gigaflops).join(' / '),
      rates.map(value => `${((100 * value) / peak).toFixed(0)} %`).join(' / '),
      [ours, theirs].map(side => gigabytes(side.peakMemory)).join(' / '),
    ]
  })
  const header = ['Work', 'Ours', 'PyTorch', 'Ours / PyTorch', 'GFLOP/s', 'Share of peak', 'Peak memory, GB']
  const [first] = results
  return [
    `${processor}, ${cores} cores, ${memoryGB} GB of memory, ${threads} ${threads === 1 ? 'thread' : 'threads'}; commit ${commit}.`,
    `Ours: ${first?.ours.library}. Theirs: ${first?.theirs.library}.`,
    `Peak, the fastest ${peaks.map(({ title }) => title).join(' or ')} of either side in float32: ${gigaflops(peak)} GFLOP/s.`,
    '',
    markdownTable(header, rows, { numbers: true }),
    '',
  ].join('\n')
}
