/** Photos protected through a real Redis by workers of which one is killed. */
import type { ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Queue } from 'bullmq'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { run } from '../../src/cli/program.ts'
import { commandWorker } from '../jobs/command-worker.ts'
import { redisAbsent, startRedis } from '../jobs/redis.ts'
import { portrait } from './photos.ts'
import { type TinyModel, tinyModel } from './tiny-model.ts'

const absent = redisAbsent()
if (absent) console.log(`photos over several machines are not tested: ${absent}`)

const folder = mkdtempSync(join(tmpdir(), 'photo-machines-'))
const photos = join(folder, 'photos')
const names = ['ada', 'bea', 'cleo']
const children: ChildProcess[] = []
let model: TinyModel

beforeAll(async () => {
  await useBackend('wasm')
  model = await tinyModel()
  mkdirSync(photos)
  for (const [i, name] of names.entries())
    await portrait(i as 0 | 1 | 2)
      .png()
      .toFile(join(photos, `${name}.png`))
})
afterAll(() => {
  rmSync(folder, { recursive: true })
  rmSync(model.folder, { recursive: true })
})
afterEach(() => {
  vi.restoreAllMocks()
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

/** Protects the photos into a folder. @returns the paths that it said */
async function anonymize(out: string, ...more: string[]): Promise<string[]> {
  const said: string[] = []
  vi.spyOn(console, 'log').mockImplementation(text => void said.push(text))
  vi.spyOn(process.stderr, 'write').mockImplementation(() => true)
  const few = ['--backend', 'wasm', '--model', model.path, '--steps', '2', '--set', 'attempts=1', '--seed', '0']
  const recovery = ['--set', 'recovery.steps=2', '--set', 'recovery.refinements=0']
  await run(['anonymize', photos, '--out', join(folder, out), ...few, ...recovery, ...more])
  return said
}

/** The bytes of every photo and key of a folder, by name. */
function madeIn(out: string): Record<string, string> {
  const files = readdirSync(join(folder, out), { recursive: true, encoding: 'utf8' }).filter(name => /png/.test(name))
  return Object.fromEntries(files.toSorted().map(name => [name, readFileSync(join(folder, out, name), 'base64')]))
}

vi.setConfig({ testTimeout: 300_000 })

test.skipIf(absent)(
  'a worker killed with -9 in the middle of a photo gives it back; each photo comes once',
  async () => {
    await anonymize('here', '--jobs', '1')
    const redis = await startRedis()
    try {
      const protecting = anonymize('queue', '--queue', redis.url)
      const victim = await commandWorker(redis.url, 'begun')
      children.push(victim.child)
      victim.child.kill('SIGKILL')
      const other = await commandWorker(redis.url, 'waiting for work')
      children.push(other.child)
      expect(await protecting).toHaveLength(names.length)
      // The victim's photo was begun twice and done once.
      const done = [...`${victim.said()}${other.said()}`.matchAll(/^photo (\S+): done$/gm)].map(([, id]) => id)
      expect(done).toHaveLength(names.length)
      expect(new Set(done).size).toBe(names.length)
      const [, port] = /:(\d+)$/.exec(redis.url)!
      const queue = new Queue('diff-privacy', { connection: { host: '127.0.0.1', port: Number(port) } })
      expect(Object.values(await queue.getJobCounts()).every(count => count === 0)).toBe(true)
      await queue.close()
    } finally {
      await redis.stop()
    }
    expect(Object.keys(madeIn('queue'))).toHaveLength(2 * names.length)
    expect(madeIn('queue')).toEqual(madeIn('here'))
    const review = (out: string) => readFileSync(join(folder, out, 'review.html'), 'utf8')
    expect(review('queue').match(/<article /g)).toHaveLength(names.length)
    expect(review('queue')).toBe(review('here'))
  },
)
