/** Mutants through the program itself: its exit code, what it says, what it writes. */
import { spawn } from 'node:child_process'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { repositoryPath } from '../../src/util/paths.ts'
import { RandomStream } from '../../src/util/random.ts'
import type { Problem } from './harness.ts'
import { mutate } from './mutate.ts'
import { identity } from './readers.ts'
import type { Seed } from './seeds.ts'

const prepare = (at: string, from: string) => [
  'dataset',
  'prepare',
  'folder',
  '--from',
  from,
  '--out',
  join(at, 'out'),
  '--size',
  '32',
  '--backend',
  'cpu',
]

/** What is run on a mutant of each reader's; `at` is where it lies. */
const commands: Partial<Record<Seed['reader'], (at: string, name: string) => string[]>> = {
  picture: at => prepare(at, at),
  recovery: (at, name) => ['recover', join(at, name), '--out', join(at, 'out'), '--backend', 'cpu'],
  encryptedKey: (at, name) => [
    'recover',
    join(at, 'a.png'),
    '--key',
    join(at, name),
    '--identity',
    join(at, 'identity'),
    '--out',
    join(at, 'out'),
    '--backend',
    'cpu',
  ],
  replay: at => ['replay', at, '--keep', join(at, 'kept'), '--backend', 'cpu'],
  archive: (at, name) => prepare(at, join(at, name)),
  parquet: (at, name) => prepare(at, join(at, name)),
  store: at => ['dataset', 'info', at, '--backend', 'cpu'],
  trainConfig: (at, name) => ['train', join(at, name), '--dry-run', '--backend', 'cpu'],
  weightsList: (at, name) => ['weights', 'list', '--manifest', join(at, name)],
}

export interface CommandLineOptions {
  readonly seed: number
  readonly until: number
  readonly most: number
  readonly folder: string
}

/** Milliseconds: loading the program on a busy machine takes some of them. */
const patience = 60_000

/** Runs the program on mutants, one after another. */
export async function fuzzCommandLine(
  seeds: readonly Seed[],
  { seed: number, until, most, folder }: CommandLineOptions,
): Promise<{ runs: number; problems: Problem[] }> {
  const chosen = seeds.filter(({ reader }) => commands[reader])
  const problems: Problem[] = []
  let runs = 0
  for (; runs < most && performance.now() < until; runs++) {
    const seed = chosen[runs % chosen.length]!
    const random = new RandomStream(number, 'command line', seed.name, runs)
    const names = Object.keys(seed.files)
    const name = names[random.integer(names.length)]!
    const { bytes, how } = mutate(seed.files[name]!, random, seed.files[names[0]!]!)
    const place = join(folder, 'command-line', String(runs))
    await mkdir(place, { recursive: true })
    for (const [file, whole] of Object.entries({ ...seed.files, [name]: bytes }))
      await writeFile(join(place, file), whole)
    await writeFile(join(place, 'identity'), `${identity}\n`)
    if (seed.reader === 'encryptedKey')
      await writeFile(join(place, 'a.png'), await readFile(repositoryPath('test/golden/keys/protected.png')))
    const { code, stderr, timedOut } = await runProgram(commands[seed.reader]!(place, names[0]!))
    const problem = (failure: Problem['failure'], detail: string) =>
      problems.push({ failure, seed: `${seed.name} (command line)`, number: runs, how: `${name} ${how}`, detail })
    if (timedOut) problem('hang', `after ${patience} ms`)
    else if (code !== 0 && code !== 2 && !(seed.reader === 'replay' && code === 1 && !/unexpected/.test(stderr)))
      problem('unexpected', `exit code ${code}: ${stderr.slice(-500)}`)
    if (/^\s+at .*:\d+/m.test(stderr)) problem('unexpected', `a stack: ${stderr.slice(0, 500)}`)
    await rm(place, { recursive: true, force: true })
  }
  return { runs, problems }
}

function runProgram(args: readonly string[]): Promise<{ code: number | null; stderr: string; timedOut: boolean }> {
  return new Promise(resolve => {
    const child = spawn(process.execPath, [repositoryPath('bin/diff-privacy.mjs'), ...args], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let [stderr, timedOut] = ['', false]
    child.stderr.on('data', chunk => {
      stderr += chunk
    })
    const timer = setTimeout(() => {
      timedOut = true
      child.kill('SIGKILL')
    }, patience)
    child.on('close', code => {
      clearTimeout(timer)
      resolve({ code, stderr, timedOut })
    })
  })
}
