import { availableParallelism } from 'node:os'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { threadsChange, threadsOf } from '../../src/train/resume.ts'

beforeEach(() => {
  for (const name of ['TF_NUM_INTRAOP_THREADS', 'OMP_NUM_THREADS']) vi.stubEnv(name, undefined)
})
afterEach(() => vi.unstubAllEnvs())

test('threads are those that the environment asks for, else those of the cores', () => {
  const cores = availableParallelism()
  expect(threadsOf('tensorflow')).toBe(`${cores}`)
  vi.stubEnv('OMP_NUM_THREADS', `${cores}`)
  expect(threadsOf('tensorflow')).toBe(`${cores}`)
  vi.stubEnv('OMP_NUM_THREADS', '99')
  expect(threadsOf('tensorflow')).toBe(`${cores}, 99 of the compiled kernels`)
  vi.stubEnv('TF_NUM_INTRAOP_THREADS', '3')
  expect(threadsOf('tensorflow')).toBe('3')
  for (const backend of ['wasm', 'cpu', 'webgpu', 'tensorflow-gpu'] as const) expect(threadsOf(backend)).toBeUndefined()
})

test('a change is told of, and nothing of checkpoints that do not know', () => {
  expect(threadsChange('2', '4')).toMatch(/^resumes with another number of threads \(2 before, 4 now\): /)
  for (const [before, now] of [
    ['2', '2'],
    [undefined, '2'],
    ['2', undefined],
  ])
    expect(threadsChange(before, now)).toBeUndefined()
})
