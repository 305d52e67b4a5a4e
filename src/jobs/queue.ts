/**
 * Jobs over many machines: BullMQ on Redis. A job is known by its id, so that one that is asked for twice is done once; a
 * worker holds a lock on it that it renews, and when the lock runs out another worker gets the job.
 */
import { createHash, randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Job, Queue, UnrecoverableError, WaitingError, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import packageJson from '../../package.json' with { type: 'json' }
import { UserError } from '../util/errors.ts'
import { deserializeError, JobError, type Jobs, JobsClosed, serializeError, withMap } from './jobs.ts'
import type { Task } from './task.ts'

/** The variable of the environment that may hold the password of Redis, so that no command line shows it. */
const passwordVariable = 'DIFF_PRIVACY_QUEUE_PASSWORD'

const queueName = 'diff-privacy'

/** How often a job may take its worker along, before it is given up. */
const maxStalls = 3

/** Milliseconds between questions whether a job is finished. */
const askEvery = 500

interface Payload {
  /** Of this package: a worker of another version might do the work differently. */
  readonly version: string
  /** As `toJson` gives it. */
  readonly input: unknown
}

/** The address without what must not be seen. */
export function withoutCredentials(url: string): string {
  const { protocol, host, pathname } = parse(url)
  return `${protocol}//${host}${pathname}`
}

/**
 * Checks that Redis is there.
 * @throws UserError when it cannot be reached or refuses
 */
export async function checkQueue(url: string): Promise<void> {
  const redis = new Redis({ ...connectionTo(url), lazyConnect: true, retryStrategy: () => null, connectTimeout: 5000 })
  let problem = ''
  redis.on('error', error => {
    problem ||= error.message
  })
  try {
    await redis.connect()
    await redis.ping()
  } catch (error) {
    throw new UserError(
      `expected a Redis server at ${withoutCredentials(url)}: ${problem || (error as Error).message}: start one, or name another --queue`,
    )
  } finally {
    redis.disconnect()
  }
}

/** An owner that is the same whenever this machine works for the same folder. */
export function folderOwner(folder: string): string {
  return createHash('sha256')
    .update(`${hostname()}:${resolve(folder)}`)
    .digest('hex')
    .slice(0, 16)
}

export interface QueueOptions {
  /** Whose jobs they are: two owners share no results. */
  readonly owner: string
  /** Jobs that are in the queue at once. */
  readonly slots: number
}

/**
 * The workers that listen at a queue, wherever they are. Jobs that wait there, or are done and not collected, stay when
 * the pool closes; the next one of the same `owner` collects them.
 */
export async function queuePool(url: string, { owner, slots }: QueueOptions): Promise<Jobs> {
  await checkQueue(url)
  // Events hold results, and would fill Redis: nobody reads them, because states are asked for.
  const queue = new Queue<Payload, unknown, string>(queueName, {
    connection: connectionTo(url),
    streams: { events: { maxLen: 1 } },
  })
  queue.on('error', () => {}) // Redis is gone for a while: ioredis connects again.
  await queue.waitUntilReady()
  const closing = new AbortController()

  /** Asks until the job is finished, and takes it out of the queue. */
  const outcome = async (job: Job<Payload, unknown>): Promise<unknown> => {
    for (;;) {
      const state = await job.getState()
      if (state === 'unknown') throw new Error(`the queue has lost the job ${job.id}`)
      if (state === 'completed' || state === 'failed') {
        const { returnvalue, failedReason } = (await queue.getJob(job.id!))!
        await job.remove()
        if (state === 'failed') throw deserializeError(failedReason)
        return fromJson(returnvalue)
      }
      await sleep(askEvery, undefined, { signal: closing.signal })
    }
  }
  const ask = async (name: string, input: unknown, id: string, priority?: number): Promise<unknown> => {
    const payload: Payload = { version: packageJson.version, input: toJson(input) }
    try {
      return await outcome(await queue.add(name, payload, { jobId: `${owner}-${id}`, priority }))
    } catch (error) {
      const isOutcome = error instanceof JobError || error instanceof UserError
      throw closing.signal.aborted && !isOutcome ? new JobsClosed() : error
    }
  }
  /** By id: who collects a job takes it out of the queue, so that one asks for all who want it. */
  const asked = new Map<string, Promise<unknown>>()
  return withMap({
    slots,
    run({ name }, input, { id = randomUUID(), priority } = {}) {
      const result = asked.get(id) ?? ask(name, input, id, priority).finally(() => asked.delete(id))
      asked.set(id, result)
      return result as Promise<never>
    },
    async close() {
      closing.abort()
      await queue.close()
    },
  })
}

export interface ServeOptions {
  /** After so many seconds without a sign of life from a worker another one gets its job. */
  readonly lockSeconds?: number
  readonly onJob?: (
    job: { readonly id: string; readonly name: string },
    event: 'begun' | 'done' | 'failed' | 'given back',
  ) => void
}

/**
 * Does the jobs of a queue by `jobs`, whose processes leave this one free to renew its locks.
 * @param tasks that are done
 * @returns what ends it: jobs under way go back to the queue at once
 */
export async function serve(
  url: string,
  jobs: Jobs,
  tasks: readonly Task<never, unknown>[],
  { lockSeconds = 30, onJob = () => {} }: ServeOptions = {},
): Promise<() => Promise<void>> {
  await checkQueue(url)
  const worker = new Worker<Payload>(
    queueName,
    async (job, token) => {
      const { id, name, data } = job
      const told = { id: id!, name }
      onJob(told, 'begun')
      try {
        if (data.version !== packageJson.version)
          throw new UserError(
            `made by version ${data.version}, its worker has ${packageJson.version}: update one of them`,
          )
        const task = tasks.find(task => task.name === name) as Task<unknown, unknown> | undefined
        if (!task)
          throw new UserError(`expected a job out of ${tasks.map(task => task.name).join(', ')}, found '${name}'`)
        const result = await jobs.run(task, fromJson(data.input), { id })
        onJob(told, 'done')
        return toJson(result)
      } catch (error) {
        if (error instanceof JobsClosed) {
          onJob(told, 'given back')
          await job.moveToWait(token)
          throw new WaitingError()
        }
        onJob(told, 'failed')
        throw new UnrecoverableError(serializeError(error))
      }
    },
    {
      connection: connectionTo(url),
      concurrency: jobs.slots,
      lockDuration: 1000 * lockSeconds,
      stalledInterval: 500 * lockSeconds,
      maxStalledCount: maxStalls,
    },
  )
  worker.on('error', () => {})
  await worker.waitUntilReady()
  return async () => {
    const closing = worker.close()
    await jobs.close()
    await closing
  }
}

function parse(url: string): URL {
  const parsed = URL.canParse(url) && new URL(url)
  if (!parsed || !['redis:', 'rediss:'].includes(parsed.protocol) || !parsed.hostname)
    // The address is not repeated: what is wrong with it may be its password.
    throw new UserError('expected --queue redis://HOST:PORT, or rediss:// for an encrypted connection')
  return parsed
}

function connectionTo(url: string) {
  const { protocol, hostname, port, username, password, pathname } = parse(url)
  const secret = decodeURIComponent(password) || process.env[passwordVariable]
  return {
    host: hostname,
    port: Number(port) || 6379,
    db: Number(pathname.slice(1)) || 0,
    // BullMQ waits for Redis as long as it takes.
    maxRetriesPerRequest: null,
    ...(username && { username: decodeURIComponent(username) }),
    ...(secret && { password: secret }),
    ...(protocol === 'rediss:' && { tls: {} }),
  }
}

// Plain values with typed arrays as JSON, for queues: bytes and float32 numbers are kept bit by bit, as base64.

const tag = '$base64'

/** The kinds of typed arrays that are kept, by the name that JSON holds. */
const kinds = { uint8: Uint8Array, float32: Float32Array } as const

type Kind = keyof typeof kinds

/** A value whose typed arrays are objects of strings, so that JSON keeps all of it. */
export function toJson(value: unknown): unknown {
  for (const kind of Object.keys(kinds) as Kind[])
    if (value instanceof kinds[kind]) {
      const { buffer, byteOffset, byteLength } = value
      return { [tag]: Buffer.from(buffer, byteOffset, byteLength).toString('base64'), kind }
    }
  if (Array.isArray(value)) return value.map(toJson)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, toJson(part)]))
}

/** The value that `toJson` was given. */
export function fromJson(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(fromJson)
  if (typeof value !== 'object' || value === null) return value
  const { [tag]: text, kind } = value as Record<string, unknown>
  if (typeof text === 'string' && typeof kind === 'string' && kind in kinds) {
    const bytes = Uint8Array.from(Buffer.from(text, 'base64'))
    return kind === 'uint8' ? bytes : new Float32Array(bytes.buffer)
  }
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, fromJson(part)]))
}
