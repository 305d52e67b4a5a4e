import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, onTestFinished, test, vi } from 'vitest'
import { fusedKernelsPath } from '../../src/backend/index.ts'
import { type RunRecord, readRuns, recordRun, softwareOf } from '../../src/pipeline/run-record.ts'
import { sha256 } from '../../src/weights/checksum.ts'

afterEach(() => vi.unstubAllEnvs())

test('compiled kernels are known by their bytes, and backends without any say so', async () => {
  for (const backend of ['tensorflow', 'wasm'] as const) {
    const path = fusedKernelsPath(backend)
    const expected = path === undefined ? 'none' : (await sha256(path)).slice(0, 12)
    expect((await softwareOf(backend)).fusedKernels).toBe(expected)
  }
  expect((await softwareOf('cpu')).fusedKernels).toBe('none')
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

test('runs that end at once are all recorded; a record that cannot be read is kept under another name', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'record-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const software = await softwareOf('wasm')
  const runOf = (name: string): RunRecord => ({
    format: 1,
    command: 'anonymize',
    settings: {},
    weights: {},
    software,
    inputs: [],
    outputs: [{ path: name, sha256: '0'.repeat(64) }],
  })
  const other = '{"runs":[{"format":2}]}'
  writeFileSync(join(folder, 'run.json'), other)
  const names = ['a.png', 'b.png', 'c.png', 'd.png']
  await Promise.all(names.map(name => recordRun(folder, runOf(name))))
  expect((await readRuns(folder)).map(({ outputs }) => outputs[0]!.path).toSorted()).toEqual(names)
  expect(readFileSync(join(folder, 'run.json.old'), 'utf8')).toBe(other)
  expect(readdirSync(folder).toSorted()).toEqual(['run.json', 'run.json.old'])
})
