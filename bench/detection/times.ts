/** How long a search takes, and how much memory, by backend and size of the photo. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export interface Timing {
  readonly backend: string
  readonly megapixels: number
  /** Of the first search of a process, which also takes its memory, and of the next. */
  readonly first: number
  readonly second: number
  /** Bytes that the process held at most. */
  readonly memory: number
}

/** @throws Error when a search ends early */
export function timeOf(backend: string, megapixels: number): Timing {
  const program = fileURLToPath(new URL('./time-work.ts', import.meta.url))
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--import', 'tsx', program, backend, `${megapixels}`],
    { env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '3' }, encoding: 'utf8' },
  )
  if (status !== 0) throw new Error(`the search of ${megapixels} megapixels on ${backend} ended early:\n${stderr}`)
  const line = stdout.split('\n').find(line => line.startsWith('{"first"'))!
  return { backend, megapixels, ...JSON.parse(line) }
}
