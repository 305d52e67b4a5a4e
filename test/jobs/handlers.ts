/** Work that costs nothing, for tests of where work is done. Each begin is noted in a file, so that none goes unseen. */
import { appendFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Handler } from '../../src/jobs/job.ts'

const pause = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))

export const handlers: Record<string, Handler> = {
  /** Takes a while; answers with what it was given and what it has. */
  async wait({ ms, log, name }: { ms: number; log: string; name: string }, { onProgress }) {
    appendFileSync(log, `${name}\n`)
    for (let i = 0; i < 5; i++) {
      onProgress(i, 5)
      await pause(ms / 5)
    }
    return { name, pid: process.pid, threads: process.env.TF_NUM_INTRAOP_THREADS }
  },
  /** Names of the environment that begin as ours. */
  async environment() {
    return Object.keys(process.env).filter(name => /^DIFF_PRIVACY_|^HF_/.test(name))
  },
  /** Takes its process along the first time. */
  async dieOnce(_, { scratch }) {
    const mark = join(scratch, 'was here')
    if (existsSync(mark)) return 'survived'
    mkdirSync(scratch, { recursive: true })
    writeFileSync(mark, '')
    process.kill(process.pid, 'SIGKILL')
  },
  /** Hears nothing any more. */
  async compute(_, { onProgress }) {
    onProgress(process.pid, 0)
    await pause(10)
    for (;;);
  },
  async die() {
    process.kill(process.pid, 'SIGKILL')
  },
  async refuse() {
    const { UserError } = await import('../../src/util/errors.ts')
    throw new UserError('expected something else')
  },
  async stumble() {
    throw new RangeError('out of range')
  },
}
