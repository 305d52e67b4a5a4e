/** Work that any worker can do from its description alone, wherever it runs, as often as it is asked for. */
import { UserError } from '../util/errors.ts'

/** A kind of work: plain JSON in, plain JSON out. The same input gives the same output. */
export type Handler<Input = never, Output = unknown> = (input: Input, context: JobContext) => Promise<Output>

export interface JobContext {
  /** A folder of the job's own, which need not exist yet. What a handler keeps there spares the next attempt the work. */
  readonly scratch: string
  readonly onProgress: (done: number, total: number) => void
  readonly here: Circumstances
}

/** What is another on this machine than a job says. */
export interface Circumstances {
  /** Where prepared faces lie. */
  readonly faces?: string
  readonly backend?: string
}

export interface Job {
  /** Of letters, digits, '-' and '_'. The same id is the same work: it is done once. */
  readonly id: string
  /** Which handler does it. */
  readonly kind: string
  readonly input: unknown
  /** Of the jobs that wait, one of the lowest turn is done next; 0 unless given. */
  readonly turn?: number
}

/** Where jobs are done. */
export interface Pool {
  /** How many it works on at once. */
  readonly slots: number
  /**
   * Has a job done.
   * @throws JobError when it failed, PoolClosed when the pool closed before it was done
   */
  run(job: Job, onProgress?: JobContext['onProgress']): Promise<unknown>
  /** Gives up what is under way; it can be run again. */
  close(): Promise<void>
}

/** A job that failed. It would fail again. */
export class JobError extends Error {
  override readonly name = 'JobError'
}

/** How a worker's word of what nobody expected begins; its stack follows. */
const unexpected = 'unexpected: '

/** What a worker says of an error: its message for a mistake of the user's, all that is known of one of ours. */
export function wordOf(error: unknown): string {
  const { message, stack } = error instanceof Error ? error : new Error(String(error))
  return error instanceof UserError ? message : `${unexpected}${stack ?? message}`
}

/**
 * Throws what became of a job: a worker's word of a mistake of the user's is one here, too; of an error of ours the stack
 * is apart from the message again.
 */
export function asMistake(error: unknown): never {
  if (!(error instanceof JobError)) throw error
  if (!error.message.startsWith(unexpected)) throw new UserError(error.message)
  const stack = error.message.slice(unexpected.length)
  throw Object.assign(new JobError(stack.replace(/\n +at .*/s, '')), { stack })
}

/** The pool closed before the job was done. */
export class PoolClosed extends Error {
  override readonly name = 'PoolClosed'
  constructor() {
    super('the pool was closed')
  }
}
