import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, expect, onTestFinished, test, vi } from 'vitest'
import { threadsFor } from '../../src/jobs/automatic.ts'
import { asMistake, JobError, PoolClosed } from '../../src/jobs/job.ts'
import { checkJobs, processPool } from '../../src/jobs/process-pool.ts'
import { UserError } from '../../src/util/errors.ts'
import { typeScriptLoader } from '../../src/util/paths.ts'

const folder = mkdtempSync(join(tmpdir(), 'process-pool-'))
const log = join(folder, 'log')
const options = { handlers: new URL('./handlers.ts', import.meta.url), scratch: join(folder, 'scratch') }
const pool = processPool({ ...options, jobs: 2 })
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
const wait = (name: string, ms = 50) => ({ id: name, kind: 'wait', input: { ms, log, name } })

test('every job is done once, by no more processes than there are slots, each with its share of the threads', async () => {
  const names = ['a', 'b', 'c', 'd', 'e']
  const progress: number[] = []
  const results = (await Promise.all(names.map(name => pool.run(wait(name), done => progress.push(done))))) as {
    name: string
    pid: number
    threads: string
  }[]
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
  const one = processPool({ ...options, jobs: 1 })
  expect(await one.run({ id: 'environment', kind: 'environment', input: {} })).toEqual([told])
  await one.close()
  vi.unstubAllEnvs()
})

test('of the jobs that wait, those of the lowest turn go first, in the order in which they came', async () => {
  const one = processPool({ ...options, jobs: 1 })
  const order: string[] = []
  const turns = { first: 5, late: 2, early: 1, alsoEarly: 1 }
  const jobs = Object.entries(turns).map(async ([name, turn]) => {
    await one.run({ ...wait(name, 5), turn })
    order.push(name)
  })
  await Promise.all(jobs)
  await one.close()
  expect(order).toEqual(['first', 'early', 'alsoEarly', 'late'])
})

test('a process that dies is replaced, and its job done again once; then the job is blamed', async () => {
  expect(await pool.run({ id: 'dies-once', kind: 'dieOnce', input: {} })).toBe('survived')
  const death = pool.run({ id: 'dies', kind: 'die', input: {} })
  await expect(death).rejects.toThrow(JobError)
  await expect(death).rejects.toThrow('its process ended early (signal SIGKILL)')
  expect(await pool.run(wait('after'))).toMatchObject({ name: 'after' })
})

test('a failed job says why, and leaves its process to others', async () => {
  await expect(pool.run({ id: 'refused', kind: 'refuse', input: {} })).rejects.toThrow(/^expected something else$/)
  await expect(pool.run({ id: 'stumbled', kind: 'stumble', input: {} })).rejects.toThrow(
    /^unexpected: RangeError: out of range/,
  )
  await expect(pool.run({ id: 'unknown', kind: 'dance', input: {} })).rejects.toThrow(/found 'dance'/)
  expect(await pool.run(wait('still there'))).toMatchObject({ name: 'still there' })
})

test("a user's mistake in a process is one here; an error of ours is its message, with its own stack", async () => {
  const ask = (kind: string) => pool.run({ id: kind, kind, input: {} }).catch(asMistake)
  await expect(ask('refuse')).rejects.toThrow(new UserError('expected something else'))
  await expect(ask('die')).rejects.toThrow(UserError)
  await expect(ask('stumble')).rejects.toMatchObject({
    message: 'RangeError: out of range',
    stack: expect.stringMatching(/^RangeError: out of range\n +at .*handlers\.ts/),
  })
  await expect(Promise.reject(new PoolClosed()).catch(asMistake)).rejects.toThrow(PoolClosed)
})

test('closing ends what is under way and what waits', async () => {
  const one = processPool({ ...options, jobs: 1 })
  const [running, waiting] = [one.run(wait('long', 60_000)), one.run(wait('never', 60_000))]
  const ends = Promise.all([running, waiting].map(job => expect(job).rejects.toThrow(PoolClosed)))
  await new Promise(resolve => setTimeout(resolve, 300))
  await one.close()
  await ends
})

test('a process ends with the one that started it, even while it computes', async () => {
  const pool = pathToFileURL(join(import.meta.dirname, '../../src/jobs/process-pool.ts')).href
  const script = `
    import { processPool } from ${JSON.stringify(pool)}
    processPool({ jobs: 1, handlers: new URL(${JSON.stringify(options.handlers.href)}), scratch: ${JSON.stringify(folder)} })
      .run({ id: 'endless', kind: 'compute', input: {} }, pid => console.log(pid))`
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
