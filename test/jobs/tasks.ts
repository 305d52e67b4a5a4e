/** Work that costs nothing, for tests of where work is done. Each begin is noted in a file, so that none goes unseen. */
import { appendFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { defineTask } from '../../src/jobs/task.ts'
import { UserError } from '../../src/util/errors.ts'

const pause = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))

/** Takes a while; answers with what it was given and what it has. */
export const wait = defineTask(
  'wait',
  import.meta.url,
  async ({ ms, log, name }: { ms: number; log: string; name: string }, { onProgress }) => {
    appendFileSync(log, `${name}\n`)
    for (let i = 0; i < 5; i++) {
      onProgress(i, 5)
      await pause(ms / 5)
    }
    return { name, pid: process.pid, threads: process.env.TF_NUM_INTRAOP_THREADS }
  },
)

/** Names of the environment that begin as ours. */
export const environment = defineTask('environment', import.meta.url, async () => {
  return Object.keys(process.env).filter(name => /^DIFF_PRIVACY_|^HF_/.test(name))
})

/** Takes its process along the first time. */
export const dieOnce = defineTask('dieOnce', import.meta.url, async (_, { scratch }) => {
  const mark = join(scratch, 'was here')
  if (existsSync(mark)) return 'survived'
  mkdirSync(scratch, { recursive: true })
  writeFileSync(mark, '')
  process.kill(process.pid, 'SIGKILL')
})

/** Hears nothing any more. */
export const compute = defineTask('compute', import.meta.url, async (_, { onProgress }) => {
  onProgress(process.pid, 0)
  await pause(10)
  for (;;);
})

export const die = defineTask('die', import.meta.url, async () => {
  process.kill(process.pid, 'SIGKILL')
})

export const refuse = defineTask('refuse', import.meta.url, async () => {
  throw new UserError('expected something else')
})

export const stumble = defineTask('stumble', import.meta.url, async () => {
  throw new RangeError('out of range')
})

export const echo = defineTask('echo', import.meta.url, async (input: unknown) => input)

export const unlessBad = defineTask('unlessBad', import.meta.url, async (name: string) => {
  if (name === 'bad') throw new UserError('bad is bad')
  return name
})
