import * as tf from '@tensorflow/tfjs'
import { beforeAll, expect, it } from 'vitest'
import { registerBatchMatMul } from '../../../src/backend/defects/wasm-batch-mat-mul.ts'
import { noise, on, relativeError, useRawWasm } from './on-backend.ts'

/** A product large enough to be taken apart: a of m x k, b of k x n, either transposed in memory. */
function product(batch: number[], m: number, k: number, n: number, transposeA: boolean, transposeB: boolean) {
  const values = (rows: number, columns: number, seed: number) =>
    tf.reshape(noise([1, batch.reduce((x, y) => x * y, 1), rows, columns], seed), [...batch, rows, columns])
  return () => {
    const a = transposeA ? values(k, m, 1) : values(m, k, 1)
    const b = transposeB ? values(n, k, 2) : values(k, n, 2)
    return tf.matMul(a, b, transposeA, transposeB)
  }
}

/** Seconds of processor time, the least of several runs: other processes do not count. */
function processorSeconds(compute: () => tf.Tensor): number {
  const once = () => {
    const start = process.cpuUsage()
    tf.tidy(() => {
      for (let i = 0; i < 5; i++) compute()
    })
    const { user, system } = process.cpuUsage(start)
    return (user + system) / 1e6
  }
  once()
  return Math.min(...Array.from({ length: 5 }, once))
}

let linear: () => tf.Tensor
let raw: number

beforeAll(async () => {
  await useRawWasm()
  const [x, weight] = [tf.randomNormal([128, 384]), tf.randomNormal([512, 384])]
  linear = () => tf.matMul(x, weight, false, true)
  raw = processorSeconds(linear)
  registerBatchMatMul()
})

const cases = [
  [[], 32, 24, 16],
  [[3], 20, 17, 19],
  [[2, 3], 20, 17, 19],
  [[3], 2, 5, 3],
  [[], 1, 300, 200],
] as const
it.each(cases)('batch %j of %i x %i x %i agrees with cpu, transposed or not', async (batch, m, k, n) => {
  for (const [a, b] of [
    [false, false],
    [true, false],
    [false, true],
    [true, true],
  ] as const) {
    const compute = product([...batch], m, k, n, a, b)
    expect(relativeError(await on('wasm', compute), await on('cpu', compute))).toBeLessThan(1e-5)
  }
})

it('broadcasts a matrix over a batch as before', async () => {
  const compute = () =>
    tf.matMul(tf.reshape(noise([1, 3, 20, 24]), [3, 20, 24]), tf.reshape(noise([1, 1, 24, 20]), [1, 24, 20]))
  expect(relativeError(await on('wasm', compute), await on('cpu', compute))).toBeLessThan(1e-5)
})

it('takes less than half of the time for a linear layer', async () => {
  await tf.setBackend('wasm')
  expect(processorSeconds(linear)).toBeLessThan(raw / 2)
})
