/**
 * Checks golden files one after another on one backend, in a process of its own: tfjs keeps one engine a process, and a
 * backend that runs out of memory takes only this process with it. Arguments: backend, then paths of golden files.
 */
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { type BackendName, releaseBackend, useBackend } from '../backend/index.ts'
import { checkGolden } from './checkers.ts'
import type { Check, GoldenFile } from './golden.ts'

type Outcome = { checks: Check[] } | { skipped: string } | { error: string }

/** What the worker sends for each file. */
export type WorkerMessage = { path: string; seconds: number; peakBytes: number } & Outcome

/** wasm's heap ends near 3.75 GiB; weights and activations must fit together. */
const wasmWeightLimit = 3e9

const [backend, ...paths] = process.argv.slice(2) as [BackendName, ...string[]]

const readGolden = async (path: string): Promise<GoldenFile> => JSON.parse(await readFile(path, 'utf8'))

async function check(path: string): Promise<Outcome> {
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

await useBackend(backend)
for (const path of paths) {
  const start = performance.now()
  const result = await check(path).catch((error: Error) => ({ error: error.message }))
  const message: WorkerMessage = {
    path,
    seconds: (performance.now() - start) / 1000,
    peakBytes: process.resourceUsage().maxRSS * 1024,
    ...result,
  }
  await new Promise(sent => process.send!(message, sent))
}
await releaseBackend()
process.exit(0)
