/** How the cores of this machine are shared out among processes. */
import { availableParallelism } from 'node:os'
import type { BackendName } from '../backend/names.ts'

/** Backends whose kernels run on one thread, whatever the machine has. */
const singleThreaded: ReadonlySet<BackendName> = new Set(['wasm', 'cpu'])

/** Backends that compute on a device which processes would only take from each other. */
const shared: ReadonlySet<BackendName> = new Set(['tensorflow-gpu', 'webgpu'])

export interface WorkToShare {
  /** How much of it is known beforehand that can be done side by side. */
  readonly pieces: number
  /** Memory of a process, in bytes, where it is known. */
  readonly bytes?: number
  /** Memory of the machine, in bytes. */
  readonly memory: number
}

/**
 * How many worker processes to take where nobody says it. Never more than cores, or than memory holds. Processes are
 * started when there is work for them: on a backend of one thread too many cost nothing, and all cores are offered. One
 * of several threads shares them out between its processes for good, so that it gets no more than there are pieces.
 */
export function automaticJobs(backend: BackendName, { pieces, bytes = 0, memory }: WorkToShare): number {
  if (shared.has(backend)) return 1
  const held = bytes > 0 ? Math.floor(memory / bytes) : Number.POSITIVE_INFINITY
  const useful = singleThreaded.has(backend) ? Number.POSITIVE_INFINITY : pieces
  return Math.max(1, Math.min(availableParallelism(), held, useful))
}

/** Threads for each of `jobs` processes: on networks this small, two processes of one thread do more than one of two. */
export function threadsFor(jobs: number): number {
  const allowed = Number(process.env.TF_NUM_INTRAOP_THREADS) || availableParallelism()
  return Math.max(1, Math.floor(Math.min(allowed, availableParallelism()) / jobs))
}

/** Threads on which each of `jobs` processes computes; undefined where a device does. */
export function threadsOn(backend: BackendName, jobs: number): number | undefined {
  if (shared.has(backend)) return undefined
  return singleThreaded.has(backend) ? 1 : threadsFor(jobs)
}
