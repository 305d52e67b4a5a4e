import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, expect, onTestFinished, test, vi } from 'vitest'
import { threadsFor } from '../../src/jobs/cores.ts'
import { inProcess, JobError, type JobOptions, JobsClosed } from '../../src/jobs/jobs.ts'
import { checkJobs, processPool } from '../../src/jobs/process-pool.ts'
import { UserError } from '../../src/util/errors.ts'
import { typeScriptLoader } from '../../src/util/paths.ts'
import * as tasks from './tasks.ts'

const folder = mkdtempSync(join(tmpdir(), 'process-pool-'))
const log = join(folder, 'log')
const options = { scratch: join(folder, 'scratch') }
const pool = processPool({ ...options, processes: 2 })
afterAll(async () => {
  await pool.close()
  rmSync(folder, { recursive: true })
})

const attempt = (f: () => unknown) => {
  try {
    return f()
  } catch {
    return 'gone'
  }
}
const wait = (name: string, ms = 50, jobs = pool, options: JobOptions = {}) =>
  jobs.run(tasks.wait, { ms, log, name }, { id: name, ...options })

test('every job is done once, by no more processes than there are slots, each with its share of the threads', async () => {
  const names = ['a', 'b', 'c', 'd', 'e']
  const progress: number[] = []
  const results = await pool.map(
    tasks.wait,
    names.map(name => ({ ms: 50, log, name })),
    { id: i => names[i]!, onProgress: (_, done) => progress.push(done) },
  )
  expect(results.map(({ name }) => name)).toEqual(names)
  expect(new Set(results.map(({ pid }) => pid)).size).toBe(2)
  expect(Number(results[0]!.threads)).toBe(threadsFor(2))
  expect(2 * threadsFor(2)).toBeLessThanOrEqual(Math.max(2, availableParallelism()))
  expect(readFileSync(log, 'utf8').trim().split('\n').toSorted()).toEqual(names)
  expect(progress).toContain(4)
})

test('a process is not told passphrases, passwords and tokens', async () => {
  const told = 'DIFF_PRIVACY_LIMITS'
  for (const name of ['DIFF_PRIVACY_PASSPHRASE', 'DIFF_PRIVACY_QUEUE_PASSWORD', 'HF_TOKEN', told]) vi.stubEnv(name, '9')
  const one = processPool({ ...options, processes: 1 })
  expect(await one.run(tasks.environment, {})).toEqual([told])
  await one.close()
  vi.unstubAllEnvs()
})

test('of the jobs that wait, those of the lowest priority number go first, in the order in which they came', async () => {
  const one = processPool({ ...options, processes: 1 })
  const order: string[] = []
  const priorities = { first: 5, late: 2, early: 1, alsoEarly: 1 }
  const jobs = Object.entries(priorities).map(async ([name, priority]) => {
    await wait(name, 5, one, { priority })
    order.push(name)
  })
  await Promise.all(jobs)
  await one.close()
  expect(order).toEqual(['first', 'early', 'alsoEarly', 'late'])
})

test('a process that dies is replaced, and its job done again once; then the job fails', async () => {
  expect(await pool.run(tasks.dieOnce, {}, { id: 'dies-once' })).toBe('survived')
  const death = pool.run(tasks.die, {})
  await expect(death).rejects.toThrow(UserError)
  await expect(death).rejects.toThrow('its process ended early (signal SIGKILL)')
  expect(await wait('after')).toMatchObject({ name: 'after' })
})

test('a failed job says why, and leaves its process to others', async () => {
  await expect(pool.run(tasks.refuse, {})).rejects.toThrow(/^expected something else$/)
  await expect(pool.run(tasks.stumble, {})).rejects.toThrow(/^RangeError: out of range$/)
  await expect(pool.run({ ...tasks.wait, name: 'dance' }, { ms: 1, log, name: '' })).rejects.toThrow(/found 'dance'/)
  expect(await wait('still there')).toMatchObject({ name: 'still there' })
})

test("a user's mistake in a process is one here; an error of ours is its message, with its own stack", async () => {
  await expect(pool.run(tasks.refuse, {})).rejects.toThrow(new UserError('expected something else'))
  await expect(pool.run(tasks.die, {})).rejects.toThrow(UserError)
  const stumbling = pool.run(tasks.stumble, {})
  await expect(stumbling).rejects.toThrow(JobError)
  await expect(stumbling).rejects.toMatchObject({
    message: 'RangeError: out of range',
    stack: expect.stringMatching(/^RangeError: out of range\n +at .*tasks\.ts/),
  })
})

test('closing ends what is under way and what waits', async () => {
  const one = processPool({ ...options, processes: 1 })
  const [running, waiting] = [wait('long', 60_000, one), wait('never', 60_000, one)]
  const ends = Promise.all([running, waiting].map(job => expect(job).rejects.toThrow(JobsClosed)))
  await new Promise(resolve => setTimeout(resolve, 300))
  await one.close()
  await ends
})

test('a process ends with the one that started it, even while it computes', async () => {
  const url = (path: string) => JSON.stringify(pathToFileURL(join(import.meta.dirname, path)).href)
  const script = `
    import { processPool } from ${url('../../src/jobs/process-pool.ts')}
    import { compute } from ${url('./tasks.ts')}
    processPool({ processes: 1, scratch: ${JSON.stringify(folder)} })
      .run(compute, {}, { onProgress: pid => console.log(pid) })`
  const parent = spawn(process.execPath, ['--import', typeScriptLoader(), '--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [pid] = (await once(parent.stdout, 'data')).map(Number)
  await new Promise(resolve => setTimeout(resolve, 100))
  const exists = () => process.kill(pid!, 0)
  onTestFinished(() => void attempt(() => process.kill(pid!, 'SIGKILL')))
  expect(exists()).toBe(true)
  parent.kill('SIGINT')
  await expect.poll(() => attempt(exists), { timeout: 30_000 }).toBe('gone')
})

test('more processes than cores are refused', () => {
  expect(() => checkJobs(availableParallelism() + 1)).toThrow(/expected --jobs of 1 to \d+, the cores of this machine/)
  expect(() => checkJobs(1.5)).toThrow(/found 1.5/)
  checkJobs(1)
})

test('pictures and tensors come as they went, bit by bit', async () => {
  const input = { bytes: Uint8Array.of(0, 255, 7), numbers: Float32Array.of(0.1, -0, Number.NaN), nothing: undefined }
  expect(await pool.run(tasks.echo, input)).toEqual(input)
})

test('the first failure of many jobs ends them: those that were not begun are left', async () => {
  const names = ['good', 'bad', 'never', 'never either']
  const one = processPool({ ...options, processes: 1 })
  const results: string[] = []
  const all = one.map(tasks.unlessBad, names, { onResult: name => void results.push(name) })
  await expect(all).rejects.toThrow(new UserError('bad is bad'))
  expect(results).toEqual(['good'])
  await one.close()
})

test('this process does jobs in the same way, one after the other', async () => {
  const here = inProcess(options)
  const order: string[] = []
  const priorities = { first: 5, late: 2, early: 1 }
  await Promise.all(
    Object.entries(priorities).map(async ([name, priority]) => {
      expect(await wait(name, 5, here, { priority })).toMatchObject({ name, pid: process.pid })
      order.push(name)
    }),
  )
  expect(order).toEqual(['first', 'early', 'late'])
  await expect(here.run(tasks.refuse, {})).rejects.toThrow(new UserError('expected something else'))
  await here.close()
  await expect(wait('late', 5, here)).rejects.toThrow(JobsClosed)
})
