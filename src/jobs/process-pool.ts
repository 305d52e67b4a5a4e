/** Worker processes on this machine: tfjs keeps one engine a process, and a process that dies takes only its job along. */
import { type ChildProcess, fork } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { withoutSecrets } from '../util/environment.ts'
import { UserError } from '../util/errors.ts'
import { typeScriptLoader } from '../util/paths.ts'
import { joinUntrusted } from '../util/safe-path.ts'
import { threadsFor } from './automatic.ts'
import { type Circumstances, type Job, type JobContext, JobError, type Pool, PoolClosed } from './job.ts'
import type { WorkerMessage, WorkerRequest } from './process-worker.ts'

export interface ProcessPoolOptions {
  /** Worker processes; the cores are shared out evenly among them. */
  readonly jobs: number
  /** URL of the module whose exported `handlers` do the work. */
  readonly handlers?: URL
  /** Each job has a folder of its id below it, which goes when the job is done. */
  readonly scratch: string
  readonly here?: Circumstances
  /** How often a job may take its process along before it is blamed: 2 unless given. */
  readonly attempts?: number
}

/** @throws UserError for more processes than cores */
export function checkJobs(jobs: number): void {
  const cores = availableParallelism()
  if (!Number.isInteger(jobs) || jobs < 1 || jobs > cores)
    throw new UserError(`expected --jobs of 1 to ${cores}, the cores of this machine, found ${jobs}`)
}

interface Slot {
  child?: ChildProcess
  busy: boolean
}

/** Processes are started when there is work for them. */
export function processPool({ jobs, handlers, scratch, here = {}, attempts = 2 }: ProcessPoolOptions): Pool {
  const slots: Slot[] = Array.from({ length: jobs }, () => ({ busy: false }))
  const waiting: { turn: number; begin: (slot: Slot) => void }[] = []
  let closed = false

  const start = () => {
    return fork(fileURLToPath(new URL('./process-worker.ts', import.meta.url)), handlers ? [handlers.href] : [], {
      execArgv: ['--import', typeScriptLoader()],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: {
        ...withoutSecrets(process.env),
        TF_NUM_INTRAOP_THREADS: String(threadsFor(jobs)),
        TF_NUM_INTEROP_THREADS: '1',
      },
    })
  }
  const take = async (turn: number): Promise<Slot> => {
    const free = slots.find(({ busy }) => !busy)
    if (!free) return new Promise(begin => insert(waiting, { turn, begin }))
    free.busy = true
    return free
  }
  const release = (slot: Slot) => {
    const next = waiting.shift()
    if (next) next.begin(slot)
    else slot.busy = false
  }

  return {
    slots: jobs,
    async run(job, onProgress = () => {}) {
      const slot = await take(job.turn ?? 0)
      try {
        for (let attempt = 1; ; attempt++) {
          if (closed) throw new PoolClosed()
          if (!slot.child || hasEnded(slot.child)) slot.child = start()
          const own = joinUntrusted(scratch, job.id, 'a job')
          const outcome = await work(slot.child, job, { scratch: own, here, onProgress })
          if ('result' in outcome) {
            await rm(own, { recursive: true, force: true })
            return outcome.result
          }
          if ('error' in outcome) throw new JobError(outcome.error)
          if (!closed && attempt === attempts) throw new JobError(`its process ended early (${outcome.died})`)
        }
      } finally {
        release(slot)
      }
    },
    async close() {
      closed = true
      await Promise.all(slots.map(({ child }) => child && end(child)))
    },
  }
}

/** Puts an entry behind all that are before it in turn or as early. */
function insert<Entry extends { turn: number }>(entries: Entry[], entry: Entry): void {
  const at = entries.findIndex(({ turn }) => turn > entry.turn)
  entries.splice(at < 0 ? entries.length : at, 0, entry)
}

type Outcome = { readonly result: unknown } | { readonly error: string } | { readonly died: string }

/** Gives one job to a process and waits for its answer or its end. */
function work(
  child: ChildProcess,
  { id, kind, input }: Job,
  { scratch, here, onProgress }: JobContext,
): Promise<Outcome> {
  return new Promise(resolve => {
    let complaint = ''
    const onStderr = (chunk: Buffer) => {
      complaint = (complaint + chunk).slice(-2000)
    }
    const finish = (outcome: Outcome) => {
      child.off('message', onMessage).off('close', onClose)
      child.stderr!.off('data', onStderr)
      resolve(outcome)
    }
    const onMessage = (message: unknown) => {
      const answer = message as WorkerMessage
      if ('progress' in answer) onProgress(...answer.progress)
      else finish(answer)
    }
    const onClose = (code: number | null, signal: string | null) => {
      const reason = /^\w*Error: .*$/m.exec(complaint)?.[0]
      finish({ died: [signal ? `signal ${signal}` : `exit code ${code}`, reason].filter(Boolean).join(', ') })
    }
    child.stderr!.on('data', onStderr)
    child.on('message', onMessage).on('close', onClose)
    child.send(
      { id, kind, input, scratch, here } satisfies WorkerRequest,
      error => error && finish({ died: error.message }),
    )
  })
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null
}

function end(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return Promise.resolve()
  return new Promise(resolve => {
    child.once('close', () => resolve())
    child.kill('SIGKILL')
  })
}
