/** A folder of faces drawn from noise, one a seed, that an interrupted run goes on filling. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { processPool } from '../../jobs/process-pool.ts'
import { makeFolder } from '../../util/atomic-write.ts'
import type { Drawing } from './draw.ts'
import { drawTask } from './draw-task.ts'

/** Faces drawn at a time: larger batches are no faster on a CPU. */
const batchSize = 16

export interface DrawOptions extends Drawing {
  readonly model: string
  /** Seeds 0 to `count` - 1. */
  readonly count: number
  readonly folder: string
  /** Worker processes. */
  readonly jobs: number
  readonly backend: string
  /** Told of the faces that were not there, and what one of them took in seconds of a process. */
  readonly onProgress?: (done: number, total: number, secondsEach: number) => void
}

/**
 * Draws the faces that are not in the folder yet.
 * @returns the path of each, by seed
 */
export async function drawMissing(options: DrawOptions): Promise<string[]> {
  const { model, steps, eta, attentionGuidance, count, folder, jobs, backend, onProgress = () => {} } = options
  await makeFolder(folder)
  const paths = Array.from({ length: count }, (_, seed) => join(folder, `${String(seed).padStart(5, '0')}.png`))
  const missing = [...paths.entries()].filter(([, path]) => !existsSync(path))
  const batches = Array.from({ length: Math.ceil(missing.length / batchSize) }, (_, i) => ({
    ...{ model, steps, eta, attentionGuidance },
    paths: missing.slice(i * batchSize, (i + 1) * batchSize),
  }))
  const pool = processPool({ processes: jobs, scratch: folder, environment: { backend } })
  let [done, seconds] = [0, 0]
  const onResult = (taken: number, i: number) => {
    seconds += taken
    done += batches[i]!.paths.length
    onProgress(done, missing.length, seconds / done)
  }
  await pool
    .map(drawTask, batches, { id: i => `draw-${batches[i]!.paths[0]![0]}`, onResult })
    .finally(() => pool.close())
  return paths
}
