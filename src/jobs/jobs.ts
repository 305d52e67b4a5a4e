/** Where work is done: in this process, in child processes, or by the workers of a queue. All three are called in one way. */

import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { UserError } from '../util/errors.ts'
import { joinUntrusted } from '../util/safe-path.ts'
import { mapConcurrently, slotsOf } from './concurrency.ts'
import type { Environment, JobContext, Task } from './task.ts'

export interface JobOptions {
  /**
   * Letters, digits, '-' and '_'. The same id is the same work: what an interrupted run left of it is taken up again. A random one
   * by default.
   */
  readonly id?: string | undefined
  /** Of the jobs that wait, one of the lowest priority number is done next, as in BullMQ; 0 by default. */
  readonly priority?: number | undefined
  readonly onProgress?: JobContext['onProgress'] | undefined
}

export interface MapOptions<Output> {
  /** The id of each item's job, by its index. */
  readonly id?: (index: number) => string
  readonly priority?: number | undefined
  /** Told of each job's result as it comes, with the index of its item. */
  readonly onResult?: (output: Output, index: number) => void | Promise<void>
  /** Told of the progress within the job of an item. */
  readonly onProgress?: (index: number, done: number, total: number) => void
}

/** Does one job. */
export type Run = <Input, Output>(task: Task<Input, Output>, input: Input, options?: JobOptions) => Promise<Output>

export interface Jobs {
  /** How many jobs are done at once. */
  readonly slots: number
  /**
   * Does one job.
   * @throws UserError for a mistake of the user's or a worker that died, JobError for an error of the task's, JobsClosed when closed
   *   before the job was done
   */
  readonly run: Run
  /**
   * Does a job for each of the items, as many at once as there are slots; the first failure ends it: no further job is begun.
   * @returns the outputs in the order of the items
   * @throws as `run`
   */
  map<Input, Output>(
    task: Task<Input, Output>,
    items: readonly Input[],
    options?: MapOptions<Output>,
  ): Promise<Output[]>
  /** Gives up what is under way; it can be run again. */
  close(): Promise<void>
}

/** Completes what does single jobs. */
export function withMap(jobs: Omit<Jobs, 'map'>): Jobs {
  return {
    ...jobs,
    map: (task, items, { id, priority, onResult, onProgress } = {}) =>
      mapConcurrently(items, jobs.slots, async (input, index) => {
        const output = await jobs.run(task, input, {
          id: id?.(index),
          priority,
          onProgress: (done, total) => onProgress?.(index, done, total),
        })
        await onResult?.(output, index)
        return output
      }),
  }
}

/** An error of a task's own, with the stack that it had there. The job would fail again. */
export class JobError extends Error {
  override readonly name = 'JobError'
}

/** The jobs were closed before this one was done. */
export class JobsClosed extends Error {
  override readonly name = 'JobsClosed'
  constructor() {
    super('the jobs were closed')
  }
}

/** How the text of an unexpected error begins; its stack follows. */
const unexpected = 'unexpected: '

/** An error as text, for other processes: the message of a user's mistake, all that is known of any other. */
export function serializeError(error: unknown): string {
  const { message, stack } = error instanceof Error ? error : new Error(String(error))
  return error instanceof UserError ? message : `${unexpected}${stack ?? message}`
}

/** The error that `serializeError` made a text of. */
export function deserializeError(text: string): UserError | JobError {
  if (!text.startsWith(unexpected)) return new UserError(text)
  const stack = text.slice(unexpected.length)
  return Object.assign(new JobError(stack.replace(/\n +at .*/s, '')), { stack })
}

// Work in this process, one job at a time: tfjs keeps one engine a process.

export interface InProcessOptions {
  /** Each job has a folder of its id below it, which goes when the job is done. */
  readonly scratch: string
  readonly environment?: Environment
}

/** What a task throws comes as it is. */
export function inProcess({ scratch, environment = {} }: InProcessOptions): Jobs {
  const slots = slotsOf(['this process'])
  let closed = false
  return withMap({
    slots: 1,
    async run(task, input, { id = randomUUID(), priority = 0, onProgress = () => {} } = {}) {
      const slot = await slots.take(priority)
      try {
        if (closed) throw new JobsClosed()
        const own = joinUntrusted(scratch, id, 'a job')
        const output = await task.run(input, { scratch: own, environment, onProgress })
        await rm(own, { recursive: true, force: true })
        return output
      } finally {
        slots.release(slot)
      }
    },
    async close() {
      closed = true
    },
  })
}
