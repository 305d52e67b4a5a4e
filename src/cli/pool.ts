import type { Jobs } from '../jobs/jobs.ts'

export interface PoolArguments {
  /** Worker processes on this machine. */
  readonly jobs: number
  /** The address of a queue, whose workers are used instead. */
  readonly queue?: string
}

/**
 * Where a command's work is done.
 * @param out the folder that the work is for: the queue knows it by
 * @param slots jobs that are in the queue at once
 * @throws UserError for more processes than cores, or a queue that cannot be reached
 */
export async function openPool(
  { jobs, queue }: PoolArguments,
  { out, slots, scratch }: { out: string; slots: number; scratch: string },
): Promise<Jobs> {
  const { checkJobs, processPool } = await import('../jobs/process-pool.ts')
  checkJobs(jobs)
  if (queue === undefined) return processPool({ processes: jobs, scratch })
  const { folderOwner, queuePool } = await import('../jobs/queue.ts')
  return queuePool(queue, { owner: folderOwner(out), slots })
}
