import { describe, expect, it } from 'vitest'
import { partOf } from '../../src/eval/jobs.ts'

describe('partOf', () => {
  it('gives every item to exactly one part, shares differing by one at most', () => {
    const items = Array.from({ length: 11 }, (_, i) => i)
    const parts = [0, 1, 2].map(part => partOf(items, part, 3))
    expect(parts.flat().sort((a, b) => a - b)).toEqual(items)
    expect(parts.map(part => part.length)).toEqual([4, 4, 3])
  })
})
