/**
 * `npm run bench:growth [-- options]`: time and peak memory of the default model against the number of faces, of samples and
 * of steps, and the size of faces and photos. Every axis has a process of its own. Times are those of the processor, on one
 * thread. Writes docs/growth.json, and a table into docs/growth.md.
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { chooseBackend } from '../src/backend/index.ts'
import { writeJsonAtomic } from '../src/util/atomic-write.ts'
import { writeBetweenMarks } from './between-marks.ts'
import { chosen } from './chosen.ts'
import { command } from './command.ts'
import { type Axis, axes } from './growth-axes.ts'
import { type Growth, type GrowthPoint, type GrowthReport, growthMarkdown } from './growth-report.ts'
import { thisMachine } from './machine.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

async function main(): Promise<void> {
  const { values: options } = parseArgs({
    options: {
      backends: { type: 'string', default: 'tensorflow,wasm' },
      only: { type: 'string' },
      'no-write': { type: 'boolean', default: false },
    },
  })
  const wanted = options.only === undefined ? axes : chosen(axes, options.only)
  const backends = options.backends.split(',')
  for (const backend of backends) await chooseBackend(backend)
  const growths: Growth[] = []
  for (const backend of backends)
    for (const axis of wanted) {
      growths.push({ ...axis, backend, points: measure(axis, backend) })
      process.stderr.write(`${backend}: ${axis.title}\n`)
    }
  const report: GrowthReport = { ...thisMachine(), growths }
  const markdown = growthMarkdown(report)
  console.log(markdown)
  if (options['no-write']) return
  await writeJsonAtomic(join(root, 'docs/growth.json'), report)
  await writeBetweenMarks(join(root, 'docs/growth.md'), 'bench:growth', markdown)
}

function measure({ name }: Axis, backend: string): GrowthPoint[] {
  const program = join(root, 'bench/growth-work.ts')
  const limits = { TF_NUM_INTRAOP_THREADS: '1', TF_NUM_INTEROP_THREADS: '1', OMP_NUM_THREADS: '1' }
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', program, name, backend], {
    env: { ...process.env, ...limits, TF_CPP_MIN_LOG_LEVEL: '3' },
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`${name} on ${backend} ended early:\n${stderr}`)
  const lines = stdout.split('\n').filter(line => line.startsWith('{"value"'))
  return lines.map(line => JSON.parse(line))
}

await command(main)
