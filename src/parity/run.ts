/** Runs golden files on backends, one worker process at a time. */
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type { BackendName } from '../backend/index.ts'
import { JobError } from '../jobs/jobs.ts'
import { processPool } from '../jobs/process-pool.ts'
import { UserError } from '../util/errors.ts'
import { checkGoldenTask, type GoldenResult } from './golden-task.ts'

/** The result of one file on one backend. */
export type FileResult = GoldenResult & { readonly path: string; readonly backend: BackendName }

/**
 * Checks every file on every backend, sequentially: each backend in a process of its own, because tfjs keeps one engine a
 * process. A process that dies is an error of the file that it was at; the others go on in a new one.
 * @param onResult is given each result as it comes
 */
export async function runParity(
  paths: readonly string[],
  backends: readonly BackendName[],
  onResult: (result: FileResult) => void,
): Promise<void> {
  for (const backend of backends) {
    const pool = processPool({
      processes: 1,
      scratch: join(tmpdir(), 'diff-privacy-parity'),
      environment: { backend },
      attempts: 1,
    })
    try {
      for (const path of paths) {
        const result = await pool.run(checkGoldenTask, path, { id: basename(path, '.json') }).catch(failure)
        onResult({ backend, path, ...result })
      }
    } finally {
      await pool.close()
    }
  }
}

function failure(error: unknown): GoldenResult {
  if (!(error instanceof JobError || error instanceof UserError)) throw error
  return { error: error.message, seconds: 0, peakBytes: 0 }
}
