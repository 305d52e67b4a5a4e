import * as tf from '@tensorflow/tfjs'
import { beforeAll, describe, expect, it } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { checkGolden, passes } from '../../src/parity/checkers.ts'
import { compare, compareParameters, type GoldenFile, relativeError } from '../../src/parity/golden.ts'
import { proceduralInput, proceduralWeight } from '../../src/parity/procedural.ts'

beforeAll(() => useBackend('cpu'))

/** The README's formulas in arbitrary-precision integers, as slow as can be. */
function uniform(name: string, i: number): number {
  const mask = 0xffffffffn
  let crc = mask
  for (const byte of new TextEncoder().encode(name)) {
    crc ^= BigInt(byte)
    for (let bit = 0; bit < 8; bit++) crc = crc & 1n ? (crc >> 1n) ^ 0xedb88320n : crc >> 1n
  }
  let h = ((crc ^ mask) + BigInt(i) * 0x9e3779b1n) & mask
  h = ((h ^ (h >> 16n)) * 0x85ebca6bn) & mask
  h = ((h ^ (h >> 13n)) * 0xc2b2ae35n) & mask
  h ^= h >> 16n
  return Number(h) / 2 ** 32 - 0.5
}

describe('procedural values', () => {
  it.each([
    ['a.weight', [6, 4, 3, 3], (u: number) => u * Math.sqrt(12 / 36)],
    ['norm.weight', [50], (u: number) => 1 + 0.2 * u],
    ['a.bias', [50], (u: number) => 0.1 * u],
    ['bn.running_mean', [50], (u: number) => 0.1 * u],
    ['bn.running_var', [50], (u: number) => 1 + 0.5 * u],
  ])('%s follows its formula', (name, shape, formula) => {
    const values = proceduralWeight(name, shape)
    expect([...values]).toEqual(Array.from(values, (_, i) => Math.fround(formula(uniform(name, i)))))
  })

  it('gives inputs the deviation asked for', () => {
    const values = proceduralInput('net:x', [20000], 0.5)
    const deviation = Math.sqrt(values.reduce((sum, v) => sum + v * v, 0) / values.length)
    expect(deviation).toBeCloseTo(0.5, 2)
  })
})

describe('comparison', () => {
  it('is relative, and absolute against zeros', () => {
    expect(relativeError([1, 2, 2], [1, 2, 4])).toBeCloseTo(2 / Math.sqrt(21), 12)
    expect(relativeError([3, 4], [0, 0])).toBe(5)
  })

  it('reads samples at their places', async () => {
    const check = await compare('x', tf.tensor2d([[1, 2, 3, 4]]), { shape: [1, 4], samples: [[1, 2], [3, 4]] }) // biome-ignore format: short
    expect(passes(check)).toBe(true)
    const wrong = await compare('x', tf.tensor2d([[1, 2, 3, 5]]), { shape: [1, 4], samples: [[1, 2], [3, 4]] }) // biome-ignore format: short
    expect(passes(wrong)).toBe(false)
  })

  it('fails on NaN and on another shape', async () => {
    expect(passes(await compare('x', tf.tensor1d([Number.NaN]), { shape: [1], values: [1] }))).toBe(false)
    expect(passes(await compare('x', tf.tensor1d([1]), { shape: [1, 1], values: [1] }))).toBe(false)
  })

  it('does not pass for want of a reference', async () => {
    await expect(compare('x', tf.tensor1d([1]), undefined)).rejects.toThrow("no reference for 'x'")
    await expect(compare('x', tf.tensor1d([1]), { shape: [1], samples: [] })).rejects.toThrow("no values for 'x'")
  })

  it('names parameters that differ', () => {
    expect(passes(compareParameters({ a: [1], b: [2, 3] }, { a: [1], b: [2, 3] }))).toBe(true)
    const { what, relativeError } = compareParameters({ a: [1], b: [2] }, { a: [1], c: [2] })
    expect(what).toBe('parameters (b 2, c 2)')
    expect(relativeError).toBe(2)
  })
})

describe('kinds', () => {
  const file = (kind: string) =>
    ({ kind, name: kind, config: {}, parameters: {}, inputs: {}, outputs: {} }) as GoldenFile
  const load = () => Promise.reject(new Error('no other file'))

  it('refuses an unknown kind', async () => {
    await expect(checkGolden(file('unett'), load)).rejects.toThrow("unknown kind 'unett'")
  })
})
