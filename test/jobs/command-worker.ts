/** `diff-privacy worker` in processes of its own, as a person starts it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'

const program = join(import.meta.dirname, '../../bin/diff-privacy.mjs')

export interface CommandWorker {
  readonly child: ChildProcess
  /** Everything that it said so far. */
  said(): string
}

/** Starts a worker, whose jobs go to others 2 seconds after it was killed, and waits until it says `what`. */
export async function commandWorker(url: string, what: string): Promise<CommandWorker> {
  const child = spawn(process.execPath, [program, 'worker', '--queue', url, '--lock', '2'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let text = ''
  await new Promise<void>((resolve, reject) => {
    child.stderr.on('data', chunk => {
      text += chunk
      if (text.includes(what)) resolve()
    })
    child.once('exit', () => reject(new Error(`the worker ended before it said '${what}': ${text}`)))
  })
  return { child, said: () => text }
}
