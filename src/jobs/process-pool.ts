/** Worker processes on this machine: tfjs keeps one engine a process, and a process that dies takes only its job along. */
import { type ChildProcess, fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { withoutSecrets } from '../util/environment.ts'
import { UserError } from '../util/errors.ts'
import { typeScriptLoader } from '../util/paths.ts'
import { joinUntrusted } from '../util/safe-path.ts'
import { slotsOf } from './concurrency.ts'
import { threadsFor } from './cores.ts'
import { deserializeError, type Jobs, JobsClosed, withMap } from './jobs.ts'
import type { WorkerMessage, WorkerRequest } from './process-worker.ts'
import type { Environment, JobContext } from './task.ts'

export interface ProcessPoolOptions {
  /** Worker processes; the cores are shared out evenly among them. */
  readonly processes: number
  /** Each job has a folder of its id below it, which goes when the job is done. */
  readonly scratch: string
  readonly environment?: Environment
  /** Maximum number of attempts of a job whose worker process crashes; 2 by default. */
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
}

/** Processes are started when there is work for them. */
export function processPool({ processes, scratch, environment = {}, attempts = 2 }: ProcessPoolOptions): Jobs {
  const all: Slot[] = Array.from({ length: processes }, () => ({}))
  const slots = slotsOf(all)
  let closed = false

  const start = () =>
    fork(fileURLToPath(new URL('./process-worker.ts', import.meta.url)), [], {
      execArgv: ['--import', typeScriptLoader()],
      // Pictures and tensors go as they are, not as JSON.
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: {
        ...withoutSecrets(process.env),
        TF_NUM_INTRAOP_THREADS: String(threadsFor(processes)),
        TF_NUM_INTEROP_THREADS: '1',
      },
    })

  return withMap({
    slots: processes,
    async run({ module, name }, input, { id = randomUUID(), priority = 0, onProgress = () => {} } = {}) {
      const slot = await slots.take(priority)
      try {
        for (let attempt = 1; ; attempt++) {
          if (closed) throw new JobsClosed()
          if (!slot.child || hasEnded(slot.child)) slot.child = start()
          const own = joinUntrusted(scratch, id, 'a job')
          const outcome = await work(slot.child, { module, name, input, scratch: own, environment }, onProgress)
          if ('result' in outcome) {
            await rm(own, { recursive: true, force: true })
            return outcome.result as never
          }
          if ('error' in outcome) throw deserializeError(outcome.error)
          if (!closed && attempt === attempts) throw new UserError(`its process ended early (${outcome.died})`)
        }
      } finally {
        slots.release(slot)
      }
    },
    async close() {
      closed = true
      await Promise.all(all.map(({ child }) => child && end(child)))
    },
  })
}

type Outcome = { readonly result: unknown } | { readonly error: string } | { readonly died: string }

/** Gives one job to a process and waits for its answer or its end. */
function work(child: ChildProcess, request: WorkerRequest, onProgress: JobContext['onProgress']): Promise<Outcome> {
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
    child.send(request, error => error && finish({ died: error.message }))
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
