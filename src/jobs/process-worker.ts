/** A worker process: does the jobs that its parent sends, one at a time. Argument: URL of the module of handlers. */
import { Worker } from 'node:worker_threads'
import { type Handler, type Job, type JobContext, wordOf } from './job.ts'

/** What it is sent. */
export type WorkerRequest = Job & Omit<JobContext, 'onProgress'>

/** What it sends: progress any number of times, then the result or why there is none. */
export type WorkerMessage =
  | { readonly progress: readonly [done: number, total: number] }
  | { readonly result: unknown }
  | { readonly error: string }

const [url = new URL('../cli/queue-handlers.ts', import.meta.url).href] = process.argv.slice(2)
const { handlers } = (await import(url)) as { handlers: Readonly<Record<string, Handler<unknown>>> }

const send = (message: WorkerMessage) => void process.send?.(message)

async function perform({ kind, input, scratch, here }: WorkerRequest): Promise<WorkerMessage> {
  const handler = handlers[kind]
  if (!handler) return { error: `expected a job out of ${Object.keys(handlers).join(', ')}, found '${kind}'` }
  try {
    return { result: await handler(input, { scratch, here, onProgress: (...progress) => send({ progress }) }) }
  } catch (error) {
    return { error: wordOf(error) }
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
