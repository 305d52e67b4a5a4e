/** Jobs through a real Redis, by workers of which some are killed. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type Jobs, JobsClosed } from '../../src/jobs/jobs.ts'
import { checkQueue, queuePool, withoutCredentials } from '../../src/jobs/queue.ts'
import { UserError } from '../../src/util/errors.ts'
import { type RedisServer, redisAbsent, startRedis } from './redis.ts'
import * as tasks from './tasks.ts'

const absent = redisAbsent()
if (absent) console.log(`the queue is not tested: ${absent}`)

const folder = mkdtempSync(join(tmpdir(), 'queue-'))
afterAll(() => rmSync(folder, { recursive: true }))

const sleep = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))

test('an address is shown without its credentials, and not at all when it is none', async () => {
  expect(withoutCredentials('redis://me:secret@host:6380/2')).toBe('redis://host:6380/2')
  const refusal = await checkQueue('http://me:secret@host').catch((error: Error) => error.message)
  expect(refusal).toBe('expected --queue redis://HOST:PORT, or rediss:// for an encrypted connection')
  const gone = await checkQueue('redis://me:secret@127.0.0.1:1').catch((error: Error) => error.message)
  expect(gone).toMatch(/^expected a Redis server at redis:\/\/127.0.0.1:1: .*start one/)
  expect(gone).not.toContain('secret')
})

describe.skipIf(absent)('with Redis', () => {
  let redis: RedisServer
  const workers: ChildProcess[] = []
  const pools: Jobs[] = []
  beforeAll(async () => {
    redis = await startRedis()
  })
  afterEach(async () => {
    for (const pool of pools.splice(0)) await pool.close()
    for (const worker of workers.splice(0)) worker.kill('SIGKILL')
  })
  afterAll(() => redis?.stop())

  async function startWorker(name: string): Promise<ChildProcess> {
    const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
    const script = join(import.meta.dirname, 'serve.ts')
    const worker = spawn(process.execPath, ['--import', tsx, script, redis.url, join(folder, name)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    workers.push(worker)
    await new Promise(resolve => worker.stdout!.once('data', resolve))
    return worker
  }

  async function connect(owner: string): Promise<Jobs> {
    const pool = await queuePool(redis.url, { owner, slots: 10 })
    pools.push(pool)
    return pool
  }

  const begun = (log: string) => (existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : [])
  const wait = (jobs: Jobs, log: string, name: string, ms: number) =>
    jobs.run(tasks.wait, { ms, log, name }, { id: name })

  async function until(what: () => boolean) {
    for (let i = 0; !what(); i++) {
      if (i === 300) throw new Error(`waited for ${what}`)
      await sleep(50)
    }
  }

  test('a worker killed with -9 in the middle of a job gives it back: nothing is lost, nothing comes twice', async () => {
    const log = join(folder, 'killed')
    const [victim] = await Promise.all([startWorker('victim'), startWorker('other')])
    const pool = await connect('killed')
    const names = ['a', 'b', 'c', 'd', 'e', 'f']
    const results = names.map(name => wait(pool, log, name, 600))
    await until(() => begun(log).length >= 2)
    victim.kill('SIGKILL')
    expect((await Promise.all(results)).map(({ name }) => name)).toEqual(names)
    // One job was begun twice, by the one who was killed and by the one who was not.
    expect(begun(log).toSorted()).not.toEqual(names)
    expect([...new Set(begun(log))].toSorted()).toEqual(names)
    expect(begun(log)).toHaveLength(names.length + 1)
  })

  test('what is asked for twice at once is done once, and both get it', async () => {
    const log = join(folder, 'twice')
    await startWorker('twin')
    const pool = await connect('twice')
    const both = await Promise.all([wait(pool, log, 'z', 100), wait(pool, log, 'z', 100)])
    expect(both).toEqual([expect.objectContaining({ name: 'z' }), both[0]])
    expect(begun(log)).toEqual(['z'])
    // Asked for later it is done again.
    await wait(pool, log, 'z', 100)
    expect(begun(log)).toEqual(['z', 'z'])
  })

  test('what was done while nobody collected is collected later, and not done again', async () => {
    const log = join(folder, 'collected')
    const first = await connect('collector')
    const abandoned = expect(wait(first, log, 'x', 10)).rejects.toThrow(JobsClosed)
    await sleep(200)
    await first.close()
    await abandoned
    const worker = await startWorker('late')
    await until(() => begun(log).length === 1)
    await sleep(500)
    worker.kill('SIGKILL')
    expect(await wait(await connect('collector'), log, 'x', 10)).toMatchObject({ name: 'x' })
    expect(begun(log)).toEqual(['x'])
  })

  test('a worker that is asked to end gives its job back at once; a failed job says why; owners share nothing', async () => {
    const log = join(folder, 'ended')
    const first = await startWorker('first')
    const pool = await connect('ended')
    const result = wait(pool, log, 'y', 1000)
    await until(() => begun(log).length === 1)
    first.kill('SIGTERM')
    await new Promise(resolve => first.once('exit', resolve))
    await startWorker('second')
    expect(await result).toMatchObject({ name: 'y' })
    const refused = pool.run(tasks.refuse, {})
    await expect(refused).rejects.toThrow(UserError)
    await expect(refused).rejects.toThrow(/^expected something else$/)
    const other = await connect('another')
    await wait(other, log, 'y', 10)
    expect(begun(log)).toEqual(['y', 'y', 'y'])
  })

  test('pictures and tensors come as they went, bit by bit; what a worker does not know is refused', async () => {
    await startWorker('echo')
    const pool = await connect('echo')
    const input = { bytes: Uint8Array.of(0, 255, 7), more: [{ numbers: Float32Array.of(0.1, -0, Number.NaN) }] }
    expect(await pool.run(tasks.echo, input)).toEqual(input)
    await expect(pool.run({ ...tasks.echo, name: 'dance' }, input)).rejects.toThrow(/found 'dance'$/)
    await expect(pool.run(tasks.stumble, {})).rejects.toMatchObject({
      name: 'JobError',
      message: 'RangeError: out of range',
    })
  })

  test('a password is taken from the address or the environment, and is in no message', async () => {
    const closed = await startRedis('open sesame')
    try {
      const refusal = await checkQueue(closed.url.replace('//', '//:wrong-word@')).catch((e: Error) => e.message)
      expect(refusal).toMatch(/^expected a Redis server at redis:\/\/127/)
      expect(refusal).not.toContain('wrong-word')
      await checkQueue(closed.url.replace('//', `//:${encodeURIComponent('open sesame')}@`))
      process.env.DIFF_PRIVACY_QUEUE_PASSWORD = 'open sesame'
      await checkQueue(closed.url)
    } finally {
      delete process.env.DIFF_PRIVACY_QUEUE_PASSWORD
      await closed.stop()
    }
  })
})
