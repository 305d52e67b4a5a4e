import type { ArgumentsCamelCase, Argv } from 'yargs'

export const command = 'worker'

export const builder = (yargs: Argv) =>
  yargs
    .option('queue', {
      type: 'string',
      demandOption: true,
      describe: 'redis://HOST:PORT, or rediss:// encrypted [its password may be in DIFF_PRIVACY_QUEUE_PASSWORD]',
    })
    .option('faces', { type: 'string', describe: 'folder of the faces of sweeps on this machine' })
    .option('jobs', { type: 'number', default: 1, describe: 'jobs at once, each in a separate process' })
    .option('lock', {
      type: 'number',
      default: 30,
      describe: 'seconds without a heartbeat after which another worker takes the job',
    })

interface Arguments {
  queue: string
  faces?: string
  jobs: number
  lock: number
  backend?: string
}

/** Works until it is told to end, and gives back what it is at then. */
export async function handler({ queue, faces, jobs, lock, backend }: ArgumentsCamelCase<Arguments>): Promise<void> {
  const { resolve, join } = await import('node:path')
  const { tmpdir } = await import('node:os')
  const { UserError } = await import('../util/errors.ts')
  const { checkJobs, processPool } = await import('../jobs/process-pool.ts')
  const { serve, withoutCredentials } = await import('../jobs/queue.ts')
  const { queueTasks } = await import('./queue-tasks.ts')
  const { interruptible } = await import('./options.ts')
  checkJobs(jobs)
  if (!(lock >= 1)) throw new UserError(`expected a --lock of 1 second or more, found ${lock}`)
  const environment = {
    ...(faces !== undefined && { faces: resolve(faces) }),
    ...(backend !== undefined && { backend }),
  }
  // Where users share the folder of temporary files, each has one that it can write to.
  const scratch = join(tmpdir(), `diff-privacy-worker-${process.getuid?.() ?? 'user'}`)
  const pool = processPool({ processes: jobs, scratch, environment })
  const { signal, stop } = interruptible()
  const end = await serve(queue, pool, queueTasks, {
    lockSeconds: lock,
    onJob: ({ id, name }, event) => void process.stderr.write(`${name} ${id}: ${event}\n`),
  })
  process.stderr.write(`waiting for work at ${withoutCredentials(queue)}\n`)
  // Listening alone would not keep Node from exiting once Redis is gone for good.
  const alive = setInterval(() => {}, 60_000)
  await new Promise(ended => (signal.aborted ? ended(undefined) : signal.addEventListener('abort', ended)))
  clearInterval(alive)
  await end()
  stop()
}
