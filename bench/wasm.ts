/**
 * `npm run bench:wasm [-- options]`: how near the guided step of the default model comes to the best that the wasm backend
 * does at all. One process for each case; they take turns, and one waits while the other computes. Times are those of the
 * processor: wasm has one thread. Writes docs/performance-wasm.json, and a table into docs/performance.md.
 */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { loadModelConfig } from '../src/config/model.ts'
import { writeJsonAtomic } from '../src/util/atomic-write.ts'
import { UserError } from '../src/util/errors.ts'
import { writeBetweenMarks } from './between-marks.ts'
import { type Case, cases, libraryConvolution, peaks } from './cases.ts'
import { command } from './command.ts'
import { thisMachine } from './machine.ts'
import type { Settings } from './settings.ts'
import { Side } from './side.ts'
import { type WasmReport, type WasmResult, wasmMarkdown } from './wasm-report.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const steps = ['guided-step-1', 'guided-step-4']

async function main(): Promise<void> {
  const { values: options } = parseArgs({
    options: { repetitions: { type: 'string', default: '12' }, 'no-write': { type: 'boolean', default: false } },
  })
  const repetitions = Number(options.repetitions)
  if (!Number.isInteger(repetitions) || repetitions < 1)
    throw new UserError(`--repetitions: expected a whole number from 1 on, found '${options.repetitions}'`)

  const measured = [...peaks, libraryConvolution, ...cases.filter(({ name }) => steps.includes(name))]
  const sides: Side[] = []
  const results: WasmResult[] = []
  try {
    const operations: number[] = []
    for (const each of measured) {
      sides.push(await start(each))
      operations.push((await sides.at(-1)!.ready()).operations!)
    }
    const seconds: number[][] = measured.map(() => [])
    for (let i = 0; i < repetitions; i++)
      for (const [k, side] of sides.entries()) seconds[k]!.push(await side.repeatAlone())
    for (const [k, { name, title }] of measured.entries())
      results.push({
        name,
        title,
        operations: operations[k]!,
        seconds: seconds[k]!,
        kernels: await sides[k]!.kernels(),
      })
  } finally {
    for (const side of sides) side.end()
  }
  const report: WasmReport = { ...thisMachine(), results }
  const markdown = wasmMarkdown(report)
  console.log(markdown)
  if (options['no-write']) return
  await writeJsonAtomic(join(root, 'docs/performance-wasm.json'), report)
  await writeBetweenMarks(join(root, 'docs/performance.md'), 'bench:wasm', markdown)
}

async function start({ work, arguments: args, precision, model }: Case): Promise<Side> {
  const settings: Settings = {
    work,
    arguments: args,
    precision,
    model: await loadModelConfig(model),
    threads: 1,
    warmup: 10, // until the engine has compiled what runs often
    backend: 'wasm',
    device: 'cpu',
  }
  const program = join(root, 'bench/ours.ts')
  return new Side(process.execPath, ['--import', 'tsx', program, JSON.stringify(settings)], 1)
}

await command(main)
