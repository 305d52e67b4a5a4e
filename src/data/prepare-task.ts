/** The work of `dataset prepare` in a worker process: a part of a data set's pictures. */
import { useBackend } from '../backend/index.ts'
import { defineTask } from '../jobs/task.ts'
import type { DatasetManifest } from './manifest.ts'
import { type PrepareOptions, preparePart } from './prepare.ts'

export interface PreparePart {
  readonly manifest: DatasetManifest
  readonly options: Omit<PrepareOptions, 'onProgress' | 'workers'>
  readonly part: number
  readonly parts: number
  readonly backend: string | undefined
}

export const preparePartTask = defineTask(
  'prepare',
  import.meta.url,
  async ({ manifest, options, part, parts, backend }: PreparePart, { onProgress }) => {
    await useBackend(backend)
    await preparePart(manifest, { ...options, onProgress }, part, parts)
    return null
  },
)
