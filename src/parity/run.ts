/** Runs golden files on backends, one worker process at a time. */
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { type BackendName, useBackend } from '../backend/index.ts'
import { JobError } from '../jobs/jobs.ts'
import { processPool } from '../jobs/process-pool.ts'
import { defineTask } from '../jobs/task.ts'
import { UserError } from '../util/errors.ts'
import { readRegularText } from '../util/regular-file.ts'
import { checkGolden } from './checkers.ts'
import type { Check, GoldenFile } from './golden.ts'

// What worker processes of `parity` do: check a golden file.

type Outcome = { readonly checks: Check[] } | { readonly skipped: string } | { readonly error: string }

/** What came of a file; `peakBytes` is the most that the process had in memory so far. */
export type GoldenResult = Outcome & { readonly seconds: number; readonly peakBytes: number }

/** wasm's heap ends near 3.75 GiB; weights and activations must fit together. */
const wasmWeightLimit = 3e9

export const checkGoldenTask = defineTask(
  'golden',
  import.meta.url,
  async (path: string, { environment }): Promise<GoldenResult> => {
    const backend = await useBackend(environment.backend)
    const start = performance.now()
    const outcome = await check(path, backend).catch((error: Error) => ({ error: error.message }))
    return {
      ...outcome,
      seconds: (performance.now() - start) / 1000,
      peakBytes: process.resourceUsage().maxRSS * 1024,
    }
  },
)

async function check(path: string, backend: BackendName): Promise<Outcome> {
  const golden = await readGolden(path)
  const bytes = Object.values(golden.parameters ?? {}).reduce(
    (sum, shape) => sum + 4 * shape.reduce((a, b) => a * b, 1),
    0,
  )
  if (backend === 'wasm' && bytes > wasmWeightLimit)
    return {
      skipped: `${(bytes / 1e9).toFixed(1)} GB of weights do not fit into wasm's heap: --backend tensorflow checks them`,
    }
  const tensors = tf.memory().numTensors
  const checks = await checkGolden(golden, name => readGolden(join(dirname(path), `${name}.json`)))
  const left = tf.memory().numTensors - tensors
  return left === 0 ? { checks } : { error: `${left} tensors were left behind` }
}

const readGolden = async (path: string): Promise<GoldenFile> => JSON.parse(await readRegularText(path))

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
