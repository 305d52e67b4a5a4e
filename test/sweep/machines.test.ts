/** A sweep of a tiny model from the command line: here, and through a real Redis by workers of which one is killed. */
import type { ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { run } from '../../src/cli/program.ts'
import { readRuns } from '../../src/pipeline/run-record.ts'
import { commandWorker } from '../jobs/command-worker.ts'
import { redisAbsent, startRedis } from '../jobs/redis.ts'
import { type TinyModel, tinyModel } from '../pipeline/tiny-model.ts'
import { makeStore, writeSweep } from './fixtures.ts'

const folder = mkdtempSync(join(tmpdir(), 'sweep-machines-'))
const children: ChildProcess[] = []
let model: TinyModel
let config: string

beforeAll(async () => {
  await useBackend('wasm')
  model = await tinyModel()
  makeStore(folder, 3, 64)
  config = writeSweep(folder, {
    set: { model: model.path, steps: 2, 'keep.below': 0, backend: 'wasm' },
    faces: { from: join(folder, 'faces'), count: 1 },
    axes: { guide: ['dlib', 'mobilefacenet'] },
  })
})
afterAll(() => {
  rmSync(folder, { recursive: true })
  rmSync(model.folder, { recursive: true })
})
afterEach(() => {
  vi.restoreAllMocks()
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

async function sweep(out: string, ...more: string[]) {
  vi.spyOn(console, 'log').mockImplementation(() => {})
  vi.spyOn(process.stderr, 'write').mockImplementation(() => true)
  await run(['sweep', config, '--out', join(folder, out), ...more])
}

/** Starts a worker and waits until it says `what`. */
async function worker(url: string, what: string): Promise<ChildProcess> {
  const { child } = await commandWorker(url, what)
  children.push(child)
  return child
}

/** What each point made, by number. */
async function madeIn(out: string) {
  const points = join(folder, out, 'points')
  const made: Record<string, unknown> = {}
  for (const name of readdirSync(points).toSorted()) {
    const [{ outputs, settings }] = (await readRuns(join(points, name))) as [Awaited<ReturnType<typeof readRuns>>[0]]
    made[name] = { outputs, settings }
  }
  return made
}

// Processes that load a model are slow to start on a busy machine.
vi.setConfig({ testTimeout: 300_000 })

test('a queue of no points is refused', async () => {
  await expect(sweep('none', '--ahead', '0')).rejects.toThrow('expected --ahead of 1 or more, found 0')
})

test('it measures every point, and reports; the guide is a white box, the others are black', async () => {
  await sweep('here')
  const points = readdirSync(join(folder, 'here', 'points')).toSorted()
  expect(points).toHaveLength(2)
  const metrics = JSON.parse(readFileSync(join(folder, 'here', 'points', points[1]!, 'metrics.json'), 'utf8'))
  expect(metrics.settings).toEqual({ guide: 'mobilefacenet' })
  const roleOf = (name: string) => metrics.measures.find((m: { name: string }) => m.name === name).role
  expect(roleOf('cosine.mobilefacenet')).toBe('guide')
  expect(roleOf('accepted.dlib')).toBe('judge')
  for (const { name, value, n } of metrics.measures) {
    expect(Number.isFinite(value), name).toBe(true)
    expect(n).toBe(1)
  }
  expect(readdirSync(join(folder, 'here'))).toEqual(expect.arrayContaining(['report.html', 'report.md', 'points.csv']))
  expect(readdirSync(join(folder, 'here'))).not.toContain('.unfinished')
})

test('a point is replayed from its folder alone: its pictures come out the same', async () => {
  const said: string[] = []
  vi.spyOn(console, 'log').mockImplementation(text => void said.push(text))
  vi.spyOn(process.stderr, 'write').mockImplementation(() => true)
  const [point] = readdirSync(join(folder, 'here', 'points')).toSorted()
  const path = join(folder, 'here', 'points', point!)
  const again = join(folder, 'again')
  // As a replay of another point would leave it that was ended.
  mkdirSync(join(again, '.unfinished'), { recursive: true })
  for (let i = 0; i < 3; i++) {
    const other = { id: `person ${i}/1.jpg`, scores: {}, pictures: ['AAAA'] }
    writeFileSync(join(again, '.unfinished', `${i}.json`), JSON.stringify(other))
  }
  await run(['replay', path, '--keep', again])
  expect(said).toEqual([expect.stringMatching(/^identical {2}faces\/\S+.png$/), 'point: 1 of 1 outputs are identical'])
  expect(process.exitCode).toBeUndefined()
  expect(readdirSync(again)).toEqual(['faces'])
  expect(readdirSync(join(again, 'faces'))).toHaveLength(1)
})

const absent = redisAbsent()
if (absent) console.log(`sweeps over several machines are not tested: ${absent}`)

test.skipIf(absent)('two workers on a queue make the same, though one is killed in the middle of a point', async () => {
  const redis = await startRedis()
  try {
    const sweeping = sweep('queue', '--queue', redis.url)
    const victim = await worker(redis.url, 'begun')
    victim.kill('SIGKILL')
    await worker(redis.url, 'waiting for work')
    await sweeping
  } finally {
    await redis.stop()
  }
  expect(
    readFileSync(join(folder, 'queue', 'points.jsonl'), 'utf8')
      .trim()
      .split('\n'),
  ).toHaveLength(2)
  expect(await madeIn('queue')).toEqual(await madeIn('here'))
})
