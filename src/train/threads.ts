/** On how many threads a run computes: with another number some sums are made in another order, and differ in their last bits. */
import { availableParallelism } from 'node:os'
import type { TrainConfig } from '../config/train.ts'

/**
 * Threads as a checkpoint has them: '4', or '4, 2 of the compiled kernels' where the environment gives these another number.
 * Undefined where a device computes, or a backend of one thread.
 */
export function threadsOf(backend: TrainConfig['backend']): string | undefined {
  if (backend !== 'tensorflow') return undefined
  const asked = threadsIn('TF_NUM_INTRAOP_THREADS')
  const library = asked ?? availableParallelism()
  const kernels = asked ?? threadsIn('OMP_NUM_THREADS') ?? availableParallelism()
  return library === kernels ? `${library}` : `${library}, ${kernels} of the compiled kernels`
}

/** What is to be said of a run that goes on with other threads than those of its checkpoint, if it has said which. */
export function threadsChange(before: string | undefined, now: string | undefined): string | undefined {
  if (before === undefined || now === undefined || before === now) return undefined
  return `goes on with another number of threads (${before} before, ${now} now): bits may differ from those of an uninterrupted run`
}

function threadsIn(variable: string): number | undefined {
  const threads = Number.parseInt(process.env[variable] ?? '', 10)
  return threads > 0 ? threads : undefined
}
