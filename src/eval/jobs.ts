/** Several processes that each measure a part of the faces into one folder. */
import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { UserError } from '../errors.ts'

/** The items of part `part` of `parts`, taking turns. */
export function partOf<T>(items: readonly T[], part: number, parts: number): T[] {
  return items.filter((_, i) => i % parts === part)
}

/**
 * Runs this command line again `jobs` times side by side, each with `--part K/jobs` and its share of the cores: on a model
 * this small two processes of one thread do more than one of two.
 * @param poll called every second while they run
 * @throws UserError with the last line that a process wrote before it failed; the others are ended
 */
export async function runJobs(jobs: number, poll: () => void | Promise<void>): Promise<void> {
  const threads = String(Math.max(1, Math.floor(availableParallelism() / jobs)))
  const children = Array.from({ length: jobs }, (_, part) =>
    spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1), '--part', `${part}/${jobs}`], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, TF_NUM_INTRAOP_THREADS: threads, TF_NUM_INTEROP_THREADS: '1' },
    }),
  )
  const end = () => children.forEach(child => void child.kill())
  process.once('exit', end)
  const timer = setInterval(() => void poll(), 1000)
  try {
    await Promise.all(
      children.map(
        child =>
          new Promise<void>((resolve, reject) => {
            let last = ''
            child.stderr.on('data', data => {
              last = String(data).trim().split('\n').at(-1) ?? last
            })
            child.on('error', reject)
            child.on('close', code =>
              code === 0
                ? resolve()
                : reject(new UserError(last.replace(/^diff-privacy: /, '') || `a job ended with ${code}`)),
            )
          }),
      ),
    )
  } finally {
    clearInterval(timer)
    process.off('exit', end)
    end()
  }
}
