import { expect, test } from 'vitest'
import { axes } from '../../bench/growth-axes.ts'
import { exponent, type Growth, growthMarkdown, kindOf, line } from '../../bench/growth-report.ts'
import { machine } from './machine.ts'

const growth = (name: string, seconds: (value: number) => number, bytes: (value: number) => number): Growth => {
  const axis = axes.find(axis => axis.name === name)!
  const points = axis.values.map(value => ({ value, seconds: seconds(value), memory: bytes(value) }))
  return { ...axis, backend: 'wasm', points }
}

test('the line of least squares', () => {
  const { offset, slope } = line([1, 2, 4], [5, 7, 11])
  expect(offset).toBeCloseTo(3)
  expect(slope).toBeCloseTo(2)
  expect(line([1, 2, 3], [1, 3, 2]).slope).toBeCloseTo(0.5)
})

test('growth is told by its last two values', () => {
  expect(exponent([1, 2, 4], [9, 10, 20])).toBeCloseTo(1)
  expect(exponent([1, 4], [3, 48])).toBeCloseTo(2)
  expect([0, 0.1, 0.5, 1.15, 1.2].map(kindOf)).toEqual(['flat', 'flat', 'linear', 'linear', 'faster than linear'])
})

test('the table has slopes, and says what is not as it should be', () => {
  const right = growth(
    'samples',
    n => 0.3 + 0.5 * n,
    n => 3e8 + 2e8 * n,
  )
  const wrong = growth(
    'faces',
    n => n * n,
    n => 1e9 * n,
  )
  const table = growthMarkdown({ ...machine, growths: [right, wrong] })
  expect(table).toContain(
    '| 0.80, 1.30, 2.30, 4.30 | 0.50 s a sample: linear | 500, 700, 1100, 1900 | 200 MB a sample: linear |',
  )
  expect(table).toContain('**faster than linear** | 1000, 2000, 4000 | 1000 MB a face: **linear** |')
  expect(table).toMatch(
    /Not as it should be: time of .*Faces.* is faster than linear; memory of .*Faces.* is linear where it should be flat\./,
  )
  expect(growthMarkdown({ ...machine, growths: [right] })).toContain('All grows as it should.')
})
