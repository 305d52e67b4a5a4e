import { availableParallelism } from 'node:os'
import { expect, test } from 'vitest'
import { automaticJobs } from '../../src/jobs/cores.ts'

const cores = availableParallelism()
const memory = 8e9

test('a backend of one thread is offered every core, one of several no more processes than there are pieces', () => {
  expect(automaticJobs('wasm', { pieces: 1, memory })).toBe(cores)
  expect(automaticJobs('tensorflow', { pieces: 1, memory })).toBe(1)
  expect(automaticJobs('tensorflow', { pieces: 1000, memory })).toBe(cores)
})

test('a GPU is not shared', () => {
  expect(automaticJobs('tensorflow-gpu', { pieces: 1000, memory })).toBe(1)
  expect(automaticJobs('webgpu', { pieces: 1000, memory })).toBe(1)
})

test('no more than memory holds, and one in any case', () => {
  expect(automaticJobs('wasm', { pieces: 9, memory, bytes: 5e9 })).toBe(1)
  expect(automaticJobs('wasm', { pieces: 9, memory, bytes: 9e9 })).toBe(1)
  expect(automaticJobs('wasm', { pieces: 9, memory, bytes: 1 })).toBe(cores)
})
