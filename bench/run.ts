/**
 * `npm run bench [-- options]`: measures our networks and PyTorch's side by side. For every case a process of each side is
 * started and warmed, and then they take turns, one waiting while the other computes, so that whatever else the machine does
 * strikes both. Prints a table; writes docs/performance.json, and the table into docs/performance.md.
 */
import { spawnSync } from 'node:child_process'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { loadModelConfig } from '../src/config/model.ts'
import { writeJsonAtomic } from '../src/util/atomic-write.ts'
import { UserError } from '../src/util/errors.ts'
import { writeBetweenMarks } from './between-marks.ts'
import { type Case, cases, peaks } from './cases.ts'
import { chosen } from './chosen.ts'
import { command } from './command.ts'
import { thisMachine } from './machine.ts'
import { markdown, type Report, type Result, summarise } from './report.ts'
import type { Settings } from './settings.ts'
import { Side } from './side.ts'

const root = join(fileURLToPath(new URL('.', import.meta.url)), '..')

const usage = `npm run bench -- [options]
  --threads N,M      of both sides, one run for each; all cores by default
  --only a,b         cases by name: ${cases.map(({ name }) => name).join(', ')}
  --stable-diffusion the cases of Stable Diffusion too; each side needs 5 GB
  --backend NAME     ours; tensorflow by default
  --device NAME      PyTorch's; cpu by default
  --repetitions X    X times as many as each case says
  --no-write         only prints`

async function main(): Promise<void> {
  const { values: options } = parseArgs({
    options: {
      threads: { type: 'string', default: String(cpus().length) },
      only: { type: 'string' },
      'stable-diffusion': { type: 'boolean', default: false },
      backend: { type: 'string', default: 'tensorflow' },
      device: { type: 'string', default: 'cpu' },
      repetitions: { type: 'string', default: '1' },
      'no-write': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (options.help) return console.log(usage)
  const counts = options.threads.split(',').map(Number)
  if (counts.some(threads => !Number.isInteger(threads) || threads < 1))
    throw new UserError(`--threads: expected whole numbers from 1 on, found '${options.threads}'`)
  const factor = Number(options.repetitions)
  if (!(factor > 0)) throw new UserError(`--repetitions: expected a number above 0, found '${options.repetitions}'`)
  const usual = cases.filter(({ work }) => options['stable-diffusion'] || work !== 'sd-unet')
  const wanted = options.only === undefined ? usual : chosen(cases, options.only)
  const python = findPython(wanted.some(({ work }) => work === 'sd-unet'))

  const reports: Report[] = []
  for (const threads of counts) {
    const sides = { python, threads, backend: options.backend, device: options.device }
    const measuredPeaks: Result[] = []
    for (const each of peaks) measuredPeaks.push(await measureCase(each, factor, sides))
    const results: Result[] = []
    for (const each of wanted) {
      results.push(await measureCase(each, factor, sides))
      console.log(summarise(results.at(-1)!))
    }
    reports.push({ ...thisMachine(), threads, peaks: measuredPeaks, results })
  }

  const tables = reports.map(markdown).join('\n')
  console.log(`\n${tables}`)
  if (options['no-write']) return
  await writeJsonAtomic(join(root, 'docs/performance.json'), reports)
  await writeBetweenMarks(join(root, 'docs/performance.md'), 'bench', tables)
}

interface Sides {
  readonly python: string
  readonly threads: number
  readonly backend: string
  readonly device: string
}

async function measureCase(each: Case, factor: number, { python, ...how }: Sides): Promise<Result> {
  const { name, title, precision, work, arguments: args } = each
  const repetitions = Math.max(2, Math.round(each.repetitions * factor))
  const model = await loadModelConfig(each.model)
  const settings: Settings = { work, arguments: args, precision, model, warmup: 2, ...how }
  const here = (file: string) => join(root, 'bench', file)
  const start = (command: string, args: string[]) => new Side(command, args, how.threads)
  const sides: Side[] = []
  try {
    // The second starts when the first is warm and asleep: two at once would take each other's memory bandwidth.
    const ours = start(process.execPath, ['--import', 'tsx', here('ours.ts'), JSON.stringify(settings)])
    sides.push(ours)
    const { library, operations } = await ours.ready()
    const theirs = start(python, [here('theirs.py'), JSON.stringify(settings)])
    sides.push(theirs)
    const theirLibrary = (await theirs.ready()).library
    const seconds: [number[], number[]] = [[], []]
    for (let i = 0; i < repetitions; i++)
      for (const k of i % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const)) seconds[k].push(await sides[k]!.repeat())
    return {
      name,
      title,
      operations: operations!,
      ours: { library, seconds: seconds[0], peakMemory: ours.peakMemory() },
      theirs: { library: theirLibrary, seconds: seconds[1], peakMemory: theirs.peakMemory() },
    }
  } finally {
    for (const side of sides) side.end()
  }
}

/** A Python with what the other side needs. */
function findPython(stableDiffusion: boolean): string {
  const needed = ['torch', ...(stableDiffusion ? ['diffusers'] : [])]
  for (const python of ['python3', 'python'])
    if (spawnSync(python, ['-c', `import ${needed.join(', ')}`]).status === 0) return python
  throw new UserError(
    `the bench measures against PyTorch: expected a Python with ${needed.join(' and ')}, found none: ` +
      `pip install torch==2.13.0 diffusers (the CPU build is at https://download.pytorch.org/whl/cpu)`,
  )
}

await command(main)
