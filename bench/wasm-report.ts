/** What the bench of the wasm backend found, and its tables. */
import { markdownTable } from '../src/util/text-table.ts'
import type { KernelTime } from './kernels.ts'
import type { Machine } from './machine.ts'
import { spread } from './report.ts'

export interface WasmResult {
  readonly name: string
  readonly title: string
  /** Floating-point operations of a repetition in convolutions and matrix products. */
  readonly operations: number
  /** Of the processor, of each repetition. */
  readonly seconds: readonly number[]
  readonly kernels: readonly KernelTime[]
}

export interface WasmReport extends Machine {
  readonly results: readonly WasmResult[]
}

/** Operations a second, of the median repetition. */
const wasmRate = ({ operations, seconds }: WasmResult): number => operations / spread(seconds).median

/** The most that any result reached: that of a single convolution or product. */
export const bestRate = ({ results }: WasmReport): number => Math.max(...results.map(wasmRate))

const shownKernels = 8

/** The report as Markdown: rates and how far they are from the best, and what the kernels of the last result take. */
export function wasmMarkdown(report: WasmReport): string {
  const { processor, memoryGB, commit, results } = report
  const best = bestRate(report)
  const gigaflops = (rate: number) => (rate / 1e9).toFixed(1)
  const milliseconds = (seconds: number) => (1e3 * seconds).toFixed(seconds < 0.01 ? 1 : 0)
  const rates = results.map(result => {
    const rate = wasmRate(result)
    return [
      result.title,
      `${milliseconds(spread(result.seconds).median)} ms`,
      gigaflops(rate),
      `**${(best / rate).toFixed(2)}**`,
    ]
  })
  const { title, kernels } = results.at(-1)!
  const all = kernels.reduce((sum, { seconds }) => sum + seconds, 0)
  const row = ({ kernel, calls, seconds, operations }: Omit<KernelTime, 'calls'> & { calls: number | string }) => [
    kernel,
    `${calls}`,
    `${milliseconds(seconds)} ms`,
    `${((100 * seconds) / all).toFixed(0)} %`,
    operations > 0 ? gigaflops(operations / seconds) : '',
  ]
  const rest = kernels.slice(shownKernels)
  const others = { kernel: `${rest.length} others`, calls: '', operations: 0 }
  return [
    `${processor}, ${memoryGB} GB of memory, 1 thread; commit ${commit}.`,
    '',
    markdownTable(['Work', 'Time', 'GFLOP/s', 'Best / this'], rates, { numbers: true }),
    '',
    `${title}, by kernel:`,
    '',
    markdownTable(
      ['Kernel', 'Calls', 'Time', 'Share', 'GFLOP/s'],
      [
        ...kernels.slice(0, shownKernels).map(row),
        row({ ...others, seconds: rest.reduce((sum, { seconds }) => sum + seconds, 0) }),
      ],
      { numbers: true },
    ),
    '',
  ].join('\n')
}
