import type { BackendName } from '../backend/names.ts'
import { loadModelConfig } from '../config/model.ts'
import type { Alignment } from '../faces/alignment.ts'
import { loadThresholds, type Thresholds } from '../faces/thresholds.ts'
import { type FaceWorkers, faceProcesses, faceWorkers } from '../pipeline/tasks.ts'
import type { DemoRecipes } from './demo-photo.ts'

/** What the demonstration works with. */
export interface DemoTools {
  /** Do the work on faces, `jobs` pieces of it at once. */
  readonly workers: FaceWorkers
  readonly jobs: number
  readonly backend: BackendName
  /** Side of the model's faces, and how they are cut out of photos. */
  readonly imageSize: number
  readonly alignment: Alignment
  readonly thresholds: Thresholds
  readonly recipes: DemoRecipes
}

/** Each piece of the work on a face is one of its own: two kinds of versions, and the key. */
export const piecesOfFace = 3

/** Makes the tools ready; processes are started when there is work for them. */
export async function openDemo(
  recipes: DemoRecipes,
  backend: BackendName,
  jobs: number,
): Promise<DemoTools & { close(): Promise<void> }> {
  const { imageSize, alignment } = await loadModelConfig(recipes.anonymize.model)
  const thresholds = await loadThresholds()
  const pool = faceProcesses(jobs, backend)
  return {
    workers: faceWorkers(pool),
    jobs,
    backend,
    imageSize,
    alignment,
    thresholds,
    recipes,
    close: () => pool.close(),
  }
}
