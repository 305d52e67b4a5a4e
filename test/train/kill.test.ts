import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { watch } from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { usableBackends } from '../models/backends.ts'
import { trainToy } from './toy.ts'

const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
const steps = 24

/** Starts the training process; `until` says when to kill it. Resolves with the steps it took. */
async function trainUntil(
  backend: string,
  folder: string,
  until: (kill: () => void, step?: number) => void,
): Promise<{ taken: number[]; signal: NodeJS.Signals | null }> {
  const toy = fileURLToPath(new URL('./toy.ts', import.meta.url))
  const child = spawn(process.execPath, ['--import', tsx, toy, backend, folder, String(steps)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const taken: number[] = []
  let complaint = ''
  const kill = () => void child.kill('SIGKILL')
  until(kill)
  createInterface(child.stdout).on('line', line => {
    taken.push(Number(line))
    until(kill, taken.at(-1))
  })
  child.stderr.on('data', chunk => (complaint += chunk))
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
  if (code !== 0 && signal === null) throw new Error(complaint)
  return { taken, signal }
}

describe.each(usableBackends)('a run on %s that is killed', backend => {
  let folder: string
  beforeAll(async () => {
    await useBackend(backend)
    folder = await mkdtemp(join(tmpdir(), 'kill-'))
    await trainToy(join(folder, 'whole'), steps, () => {})
  })
  afterAll(() => rm(folder, { recursive: true }))

  // On a disk so fast that the checkpoint is whole before the signal comes it is tried again.
  const settings = { retry: 2, timeout: 400_000 }
  it('at a random step, and during the writing of a checkpoint, goes on to the same bits', settings, async () => {
    const run = await mkdtemp(join(folder, 'run-'))
    const at = 4 + Math.floor(8 * Math.random())
    const first = await trainUntil(backend, run, (kill, step) => step === at && kill())
    expect(first.signal, `killed at step ${at}`).toBe('SIGKILL')

    const watcher = { close: () => {} }
    const second = await trainUntil(backend, run, (kill, step) => {
      if (step !== undefined) return
      const watched = watch(run, (_, name) => /^\.step-\d+\.safetensors\..*\.tmp$/.test(name ?? '') && kill())
      watcher.close = () => watched.close()
    })
    watcher.close()
    expect(second.signal).toBe('SIGKILL')
    // It was in the middle of a file, and what it went on from was there before.
    expect((await readdir(run)).filter(name => name.endsWith('.tmp'))).toHaveLength(1)
    expect(second.taken[0]).toBeLessThanOrEqual(at + 1)
    expect((second.taken[0]! - 1) % 3).toBe(0)

    const third = await trainUntil(backend, run, () => {})
    expect(third).toMatchObject({ signal: null })
    expect(third.taken.at(-1)).toBe(steps)

    const [wanted, found] = await Promise.all(
      [join(folder, 'whole'), run].map(place => readFile(join(place, 'last.safetensors'))),
    )
    expect(found!.equals(wanted!), `killed at step ${at}, and while it wrote a checkpoint`).toBe(true)
    const losses = async (place: string) =>
      (await readFile(join(place, 'log.jsonl'), 'utf8'))
        .trim()
        .split('\n')
        .map(line => JSON.parse(line))
        .map(({ step, loss }) => [step, loss])
    const log = await losses(run)
    expect(log.map(([step]) => step)).toEqual(Array.from({ length: steps }, (_, i) => i + 1))
    expect(log).toEqual(await losses(join(folder, 'whole')))
    expect((await readdir(run)).filter(name => name.startsWith('.'))).toEqual([])
  })
})
