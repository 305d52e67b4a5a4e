import type { BackendName } from '../backend/names.ts'
import type { Recipe } from '../config/recipe.ts'
import type { Safeguards } from '../pipeline/photo.ts'
import type { CommitPhoto } from '../pipeline/photo-record.ts'
import type { KeyContents } from '../pipeline/protect-file.ts'
import type { Protector } from '../pipeline/protector.ts'

/** What protects the photos of a command. */
export interface OpenProtector {
  readonly protector: Protector
  /** How many photos to give it side by side. */
  readonly atOnce: number
  /** Whether it tells of steps; otherwise the end of a photo is all that is seen of it. */
  readonly tellsSteps: boolean
  readonly close: () => Promise<void>
}

export interface ProtectorOptions {
  readonly out: string
  /** How many photos there are. */
  readonly photos: number
  readonly keys?: KeyContents
  readonly safeguards: Safeguards
  /** How photos are recorded, where they are. */
  readonly commit?: CommitPhoto | undefined
  /** Where the work is done and what a process of it holds, unless that is elsewhere. */
  readonly here?: { readonly backend: BackendName; readonly bytes?: number }
}

/**
 * Chooses where photos are protected: by the workers of a queue, in processes of this machine, or in this one.
 * @throws UserError for more processes than cores, or a queue that cannot be reached
 */
export async function openProtector(
  recipe: Recipe,
  { jobs, queue }: { jobs?: number; queue?: string },
  { out, photos, keys, safeguards, commit, here }: ProtectorOptions,
): Promise<OpenProtector> {
  const { localProtector, parallelProtector, queueProtector } = await import('../pipeline/protector.ts')
  if (!here) {
    const { openPool } = await import('./options.ts')
    // Photos are large: only as many are in a queue as workers can be busy with.
    const pool = await openPool({ jobs: 1, queue }, { out, slots: 16, scratch: '' })
    const protector = queueProtector(pool, recipe, { keys, safeguards, commit })
    return { protector, atOnce: pool.slots, tellsSteps: false, close: () => pool.close() }
  }
  const { processesFor } = await import('../plan/photos.ts')
  const { backend, bytes } = here
  const processes = processesFor({ pieces: photos, bytes }, backend, jobs)
  if (processes === 1) {
    const protector = await localProtector(recipe, { keys, safeguards, commit })
    return { protector, atOnce: 1, tellsSteps: true, close: async () => {} }
  }
  const { faceProcesses } = await import('../pipeline/tasks.ts')
  const pool = faceProcesses(processes, backend)
  const protector = await parallelProtector(pool, recipe, backend, { keys, safeguards, commit })
  return { protector, atOnce: processes, tellsSteps: true, close: () => pool.close() }
}
