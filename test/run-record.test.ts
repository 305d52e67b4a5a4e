import { availableParallelism } from 'node:os'
import { afterEach, expect, test, vi } from 'vitest'
import { fusedKernelsPath } from '../src/backend/index.ts'
import { softwareOf } from '../src/run-record.ts'
import { sha256 } from '../src/weights/checksum.ts'

afterEach(() => vi.unstubAllEnvs())

test('compiled kernels are known by their bytes, and backends without any say so', async () => {
  const path = fusedKernelsPath('tensorflow')
  const expected = path === undefined ? 'none' : (await sha256(path)).slice(0, 12)
  expect((await softwareOf('tensorflow')).fusedKernels).toBe(expected)
  expect((await softwareOf('wasm')).fusedKernels).toBe('none')
})

test('threads are those of each process; one where the backend has no more, none where a device computes', async () => {
  vi.stubEnv('TF_NUM_INTRAOP_THREADS', '')
  expect((await softwareOf('tensorflow')).threads).toBe(availableParallelism())
  expect((await softwareOf('tensorflow', availableParallelism())).threads).toBe(1)
  vi.stubEnv('TF_NUM_INTRAOP_THREADS', '1')
  expect((await softwareOf('tensorflow')).threads).toBe(1)
  expect((await softwareOf('wasm')).threads).toBe(1)
  expect(await softwareOf('tensorflow-gpu')).not.toHaveProperty('threads')
})
