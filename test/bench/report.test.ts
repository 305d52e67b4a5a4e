import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { writeBetweenMarks } from '../../bench/between-marks.ts'
import { markdown, peakRate, type Report, type Result, ratios, spread } from '../../bench/report.ts'
import { machine } from './machine.ts'

const result = (ours: number[], theirs: number[], operations: number): Result => ({
  name: 'work',
  title: 'Some work',
  operations,
  ours: { library: 'TensorFlow.js', seconds: ours, peakMemory: 1.5e9 },
  theirs: { library: 'PyTorch', seconds: theirs, peakMemory: 0.5e9 },
})

const report: Report = {
  ...machine,
  threads: 1,
  peaks: [result([0.5, 0.1], [0.2, 0.4], 1e10)],
  results: [result([0.2, 0.3, 0.4], [0.1, 0.3, 0.8], 6e9)],
}

describe('the report of a bench', () => {
  it('takes the middle of an odd and of an even number of values', () => {
    expect(spread([3, 1, 2])).toEqual({ minimum: 1, median: 2, maximum: 3 })
    expect(spread([4, 1, 2, 3])).toEqual({ minimum: 1, median: 2.5, maximum: 4 })
  })

  it('divides neighbouring repetitions, not sums', () => {
    expect(ratios(report.results[0]!)).toEqual({ minimum: 0.5, median: 1, maximum: 2 })
  })

  it('takes the fastest repetition of either side as peak', () => {
    expect(peakRate(report.peaks)).toBeCloseTo(1e11)
  })

  it('tells times, rates, shares of the peak and memory', () => {
    const row = markdown(report).split('\n').at(-2)
    expect(row).toBe('| Some work | 300 ms | 300 ms | **1.00** (0.50 to 2.00) | 20 / 20 | 20 % / 20 % | 1.50 / 0.50 |')
  })

  it('replaces what is between its marks, and refuses a file without them', async () => {
    const path = join(mkdtempSync(join(tmpdir(), 'bench-')), 'page.md')
    writeFileSync(path, 'before\n<!-- bench: start -->\nold\n<!-- bench: end -->\nafter\n')
    await writeBetweenMarks(path, 'bench', markdown(report))
    const text = readFileSync(path, 'utf8')
    expect(text).toBe(`before\n<!-- bench: start -->\n${markdown(report)}<!-- bench: end -->\nafter\n`)
    writeFileSync(path, 'no marks')
    await expect(writeBetweenMarks(path, 'bench', '')).rejects.toThrow('bench: start')
  })
})
