import type { Argv } from 'yargs'
import type { BackendName } from '../backend/names.ts'
import type { Jobs } from '../jobs/jobs.ts'
import type { Plan } from '../plan/plan.ts'
import { UserError } from '../util/errors.ts'

/** Adds the option `--dry-run`. */
export const dryRunOption = <Options>(yargs: Argv<Options>) =>
  yargs.option('dry-run', {
    type: 'boolean',
    default: false,
    describe: 'only print the cost: shapes, parameters, operations, memory',
  })

/**
 * Before anything is loaded: prints the plan where only that is asked for.
 * @param backend the name that was asked for
 * @param plan makes the plan; with `brief` as far as its memory goes, with `fused` for a backend with fused kernels
 * @param jobs processes that the command is to work in
 * @returns where it goes on and with how much memory at most, in bytes, where that is known; undefined when it does not
 * @throws UserError when the backend or the machine cannot hold what the command needs
 */
export async function goesOn(
  isDryRun: boolean,
  backend: string,
  plan: (options: { brief: boolean; fused: BackendName | undefined }) => Promise<Plan>,
  jobs = 1,
): Promise<{ backend: BackendName; bytes?: number } | undefined> {
  const { chooseBackend, fusedBackend } = await import('../backend/index.ts')
  const { planLines, processBytes, refuseTooLarge } = await import('../plan/plan.ts')
  const chosen = await chooseBackend(backend)
  const made = await plan({ brief: !isDryRun, fused: fusedBackend(chosen) })
  if (isDryRun) console.log(planLines(made, chosen).join('\n'))
  refuseTooLarge(made, chosen, undefined, jobs)
  return isDryRun ? undefined : { backend: chosen, bytes: processBytes(made, chosen) }
}

/** Whose faces `evaluate methods` and `reproduce` protect, and in how many processes. Adds --count, --seed and --jobs. */
export const peopleOptions = <Options>(yargs: Argv<Options>) =>
  yargs
    .option('count', { type: 'number', default: 200, describe: 'people whose faces are protected' })
    .option('seed', { type: 'number', default: 1, describe: 'selects the people; also the seed of the recipes' })
    .option('jobs', { type: 'number', default: 1, describe: 'number of parallel processes' })

export interface PeopleArguments {
  count: number
  seed: number
  jobs: number
}

/** @throws UserError for an option, by its name, that is not an integer of 1 or more */
export function checkWhole(options: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(options))
    if (!Number.isInteger(value) || value < 1) throw new UserError(`expected --${name} of 1 or more, found ${value}`)
}

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

/**
 * A signal that Ctrl-C or SIGTERM gives, for a command that has something to finish first. A second one ends it at once.
 * @returns the signal, and what takes the command off again
 */
export function interruptible(onAbort = () => {}): { signal: AbortSignal; stop: () => void } {
  const controller = new AbortController()
  const names = ['SIGINT', 'SIGTERM'] as const
  const abort = () => {
    stop()
    controller.abort()
    onAbort()
  }
  const stop = () => {
    for (const name of names) process.off(name, abort)
  }
  for (const name of names) process.on(name, abort)
  return { signal: controller.signal, stop }
}
