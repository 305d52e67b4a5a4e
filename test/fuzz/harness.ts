/** Runs mutants through the readers, each within limits of time and memory, and counts what must not happen. */
import { type ChildProcess, fork } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { typeScriptLoader } from '../../src/util/paths.ts'
import { RandomStream } from '../../src/util/random.ts'
import { mutate } from './mutate.ts'
import type { Reply, Request } from './reader-process.ts'
import type { Seed } from './seeds.ts'

/** Milliseconds after which a reader hangs, and bytes that it may take besides the file's own and what it declares. */
export const limits = { time: 10_000, memory: 2 ** 30 }

export const failures = [
  'hang',
  'memory',
  'died',
  'unexpected',
  'outside',
  'wrong checksum',
  'more than a line',
] as const
export type Failure = (typeof failures)[number]

/** What became of the mutants of a seed. */
export interface Tally {
  mutants: number
  read: number
  refused: number
  /** Milliseconds and bytes of the worst. */
  slowest: number
  largest: number
}

export interface Problem {
  readonly failure: Failure
  readonly seed: string
  readonly number: number
  readonly how: string
  readonly detail: string
}

export interface FuzzOptions {
  readonly seed: number
  /** No more are begun after this time of `performance.now()`, or this many of them. */
  readonly until: number
  readonly most: number
  /** Where cases lie while they are read; what fails is kept there. */
  readonly folder: string
  readonly onMutant?: (done: number) => void
}

export interface FuzzResult {
  readonly tallies: ReadonlyMap<string, Tally>
  readonly problems: readonly Problem[]
}

/** Fuzzes all readers in turn, mutant after mutant of every seed. */
export async function fuzz(seeds: readonly Seed[], options: FuzzOptions): Promise<FuzzResult> {
  const { folder, until, most } = options
  const tallies = new Map(seeds.map(({ name }) => [name, { mutants: 0, read: 0, refused: 0, slowest: 0, largest: 0 }]))
  const problems: Problem[] = []
  const outside = join(folder, 'outside')
  await rm(folder, { recursive: true, force: true })
  await mkdir(outside, { recursive: true })
  await writeFile(join(outside, 'x.jpg'), 'precious')
  const reader = new Reader()
  try {
    const whole = new Map<string, ReadonlySet<string>>()
    for (const seed of seeds) whole.set(seed.name, await readWhole(reader, seed, folder))
    for (let number = 0; number < most && performance.now() < until; number++) {
      const seed = seeds[number % seeds.length]!
      const random = new RandomStream(options.seed, 'mutant', seed.name, Math.floor(number / seeds.length))
      const others = Object.values(seeds[random.integer(seeds.length)]!.files)
      const names = seed.mutable ?? Object.keys(seed.files)
      const name = names[random.integer(names.length)]!
      const { bytes, how } = mutate(seed.files[name]!, random, others[0]!)
      const place = join(folder, 'case', String(number))
      const size = await writeCase(place, { ...seed.files, [name]: bytes }, outside)
      const { reply, milliseconds, ended } = await reader.read({
        reader: seed.reader,
        folder: place,
        name: Object.keys(seed.files)[0]!,
      })
      const tally = tallies.get(seed.name)!
      tally.mutants++
      const took = reply ? Math.max(0, reply.peak - reply.before) : 0
      tally.slowest = Math.max(tally.slowest, milliseconds)
      tally.largest = Math.max(tally.largest, took)
      if (reply?.outcome === 'read') tally.read++
      if (reply?.outcome === 'refused') tally.refused++
      const found: [Failure, string][] = []
      if (ended) found.push([ended, `after ${Math.round(milliseconds)} ms`])
      if (reply?.outcome === 'unexpected') found.push(['unexpected', reply.message!])
      if (reply?.outcome === 'refused' && /[\n\r]/.test(reply.message!))
        found.push(['more than a line', reply.message!])
      if (reply && took > limits.memory + size + reply.declared) found.push(['memory', `${Math.round(took / 1e6)} MB`])
      const sums = whole.get(seed.name)!
      const strange = reply?.sums?.filter(sum => !sums.has(sum)) ?? []
      if (strange.length > 0)
        found.push(['wrong checksum', `${strange.length} parts were read that the whole file has not`])
      if (!(await isUntouched(folder, number))) found.push(['outside', 'something was written outside of the folder'])
      for (const [failure, detail] of found)
        problems.push({ failure, seed: seed.name, number, how: `${name} ${how}`, detail })
      if (found.length === 0) await rm(place, { recursive: true, force: true })
      options.onMutant?.(number + 1)
    }
  } finally {
    reader.end()
  }
  return { tallies, problems }
}

/** Hashes of the parts of a whole seed, which has to be read. */
async function readWhole(reader: Reader, seed: Seed, folder: string): Promise<ReadonlySet<string>> {
  const place = join(folder, 'case', 'whole')
  await writeCase(place, seed.files, join(folder, 'outside'))
  const { reply, ended } = await reader.read({ reader: seed.reader, folder: place, name: Object.keys(seed.files)[0]! })
  await rm(place, { recursive: true, force: true })
  if (reply?.outcome !== 'read') throw new Error(`the seed ${seed.name} itself: ${ended ?? reply?.message}`)
  return new Set(reply.sums)
}

/** @returns bytes of its files */
async function writeCase(place: string, files: Readonly<Record<string, Buffer>>, outside: string): Promise<number> {
  let size = 0
  for (const [name, bytes] of Object.entries(files)) {
    await mkdir(dirname(join(place, name)), { recursive: true })
    await writeFile(join(place, name), bytes)
    size += bytes.length
  }
  await symlink(outside, join(place, 'link'))
  await mkdir(join(place, 'kept'))
  await symlink(outside, join(place, 'kept', 'link'))
  return size
}

/** Whether all that lies beside a case is what lay there before. */
async function isUntouched(folder: string, number: number): Promise<boolean> {
  const names = await readdir(join(folder, 'outside'))
  const beside = (await readdir(folder)).sort().join()
  const cases = (await readdir(join(folder, 'case'))).filter(name => !/^\d+$/.test(name) || Number(name) > number)
  const text = await readFile(join(folder, 'outside', 'x.jpg'), 'utf8').catch(() => '')
  return (
    names.join() === 'x.jpg' &&
    text === 'precious' &&
    beside === 'case,outside' &&
    cases.length === 0 &&
    !existsSync('/tmp/outside')
  )
}

interface Answer {
  readonly reply?: Reply
  readonly milliseconds: number
  readonly ended?: 'hang' | 'died' | 'memory'
}

/** A process that reads, and is replaced when it hangs or dies. */
class Reader {
  #child: ChildProcess | undefined

  async read(request: Request): Promise<Answer> {
    const child = this.#child ?? (await this.#start())
    const started = performance.now()
    return new Promise(resolve => {
      const done = (answer: Omit<Answer, 'milliseconds'>) => {
        clearTimeout(timer)
        clearInterval(watch)
        child.off('message', onMessage).off('exit', onExit)
        if (answer.ended) this.end()
        resolve({ ...answer, milliseconds: performance.now() - started })
      }
      const onMessage = (reply: unknown) => done({ reply: reply as Reply })
      const onExit = () => done({ ended: 'died' })
      const timer = setTimeout(() => done({ ended: 'hang' }), limits.time)
      // Before the machine itself is short of it.
      const watch = setInterval(async () => {
        const text = await readFile(`/proc/${child.pid}/statm`, 'utf8').catch(() => '')
        if (4096 * Number(text.split(' ')[1]) > 6 * limits.memory) done({ ended: 'memory' })
      }, 200)
      child.on('message', onMessage).on('exit', onExit)
      child.send(request)
    })
  }

  async #start(): Promise<ChildProcess> {
    const script = fileURLToPath(new URL('./reader-process.ts', import.meta.url))
    const child = fork(script, {
      execArgv: ['--import', typeScriptLoader()],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    })
    this.#child = child
    await new Promise((resolve, reject) => {
      child.once('message', resolve)
      child.once('exit', code => reject(new Error(`the reader's process ended at its start (${code})`)))
    })
    return child
  }

  end(): void {
    this.#child?.removeAllListeners('exit').kill('SIGKILL')
    this.#child = undefined
  }
}
