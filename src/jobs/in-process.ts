/** Work in this process, one job at a time: tfjs keeps one engine a process. */
import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { joinUntrusted } from '../util/safe-path.ts'
import { slotsOf } from './concurrency.ts'
import { type Jobs, JobsClosed, withMap } from './jobs.ts'
import type { Environment } from './task.ts'

export interface InProcessOptions {
  /** Each job has a folder of its id below it, which goes when the job is done. */
  readonly scratch: string
  readonly environment?: Environment
}

/** What a task throws comes as it is. */
export function inProcess({ scratch, environment = {} }: InProcessOptions): Jobs {
  const slots = slotsOf(['this process'])
  let closed = false
  return withMap({
    slots: 1,
    async run(task, input, { id = randomUUID(), priority = 0, onProgress = () => {} } = {}) {
      const slot = await slots.take(priority)
      try {
        if (closed) throw new JobsClosed()
        const own = joinUntrusted(scratch, id, 'a job')
        const output = await task.run(input, { scratch: own, environment, onProgress })
        await rm(own, { recursive: true, force: true })
        return output
      } finally {
        slots.release(slot)
      }
    },
    async close() {
      closed = true
    },
  })
}
