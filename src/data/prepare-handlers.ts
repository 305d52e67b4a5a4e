/** The work of `dataset prepare` in a worker process: a part of a data set's pictures. */
import { useBackend } from '../backend/index.ts'
import type { Handler } from '../jobs/job.ts'
import type { DatasetManifest } from './manifest.ts'
import { type PrepareOptions, preparePart } from './prepare.ts'

export interface PreparePart {
  readonly manifest: DatasetManifest
  readonly options: Omit<PrepareOptions, 'onProgress' | 'workers'>
  readonly part: number
  readonly parts: number
  readonly backend: string | undefined
}

const prepare: Handler<PreparePart> = async ({ manifest, options, part, parts, backend }, { onProgress }) => {
  await useBackend(backend)
  await preparePart(manifest, { ...options, onProgress }, part, parts)
  return null
}

export const handlers = { prepare }
