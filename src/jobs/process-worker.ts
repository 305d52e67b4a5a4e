/** A worker process: does the jobs that its parent sends, one at a time. */
import { Worker } from 'node:worker_threads'
import { serializeError } from './jobs.ts'
import { type JobContext, taskOf } from './task.ts'

/** What it is sent. */
export interface WorkerRequest extends Omit<JobContext, 'onProgress'> {
  /** URL of the module that exports the task. */
  readonly module: string
  readonly name: string
  readonly input: unknown
}

/** What it sends: progress any number of times, then the result or why there is none. */
export type WorkerMessage =
  | { readonly progress: readonly [done: number, total: number] }
  | { readonly result: unknown }
  | { readonly error: string }

const send = (message: WorkerMessage) => void process.send?.(message)

async function perform({ module, name, input, ...context }: WorkerRequest): Promise<WorkerMessage> {
  try {
    const task = taskOf(await import(module), name)
    return { result: await task.run(input, { ...context, onProgress: (...progress) => send({ progress }) }) }
  } catch (error) {
    return { error: serializeError(error) }
  }
}

process.on('message', job => void perform(job as WorkerRequest).then(send))
// Ctrl-C reaches the whole group: the parent decides what becomes of the work. Without a parent there is none.
process.on('SIGINT', () => {})
process.on('disconnect', () => process.exit(0))
// A network computes for minutes without a look at its messages: a thread of its own sees that the parent is gone.
new Worker(
  `setInterval(() => {
    try {
      if (process.ppid === ${process.ppid} && process.kill(${process.ppid}, 0)) return
    } catch {}
    process.kill(${process.pid}, 'SIGKILL')
  }, 1000)`,
  { eval: true, execArgv: [] },
).unref()
