/** The fuzzer itself: that it would see what must not happen, and that nothing of it happens to some mutants of each file. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { RandomStream } from '../../src/util/random.ts'
import { type FuzzResult, fuzz, limits } from './harness.ts'
import { mutate } from './mutate.ts'
import { type Seed, seeds } from './seeds.ts'

const root = mkdtempSync(join(tmpdir(), 'fuzz-test-'))
afterAll(() => rmSync(root, { recursive: true }))

let corpus: Seed[]
beforeAll(async () => {
  corpus = await seeds()
})
const run = (seeds: readonly Seed[], most: number): Promise<FuzzResult> =>
  fuzz(seeds, { seed: 5, until: Number.POSITIVE_INFINITY, most, folder: join(root, 'cases') })

test('mutants are the same for a seed, and none is the file itself', () => {
  const bytes = Buffer.from(JSON.stringify({ a: [1, 2, { b: 'c' }], path: 'x.jpg' }))
  const made = (seed: number) =>
    Array.from({ length: 200 }, (_, i) =>
      mutate(bytes, new RandomStream(seed, 'mutant', i), bytes).bytes.toString('base64'),
    )
  expect(made(1)).toEqual(made(1))
  expect(new Set(made(1)).size).toBeGreaterThan(120)
  expect(made(1)).not.toContain(bytes.toString('base64'))
})

describe('the harness sees', { timeout: 120_000 }, () => {
  const broken = (reader: string): Seed => ({
    name: reader,
    reader: reader as never,
    files: { 'a.txt': Buffer.from('whole') },
  })
  test.each([
    ['hangs', 'hang'],
    ['dies', 'died'],
    ['stumbles', 'unexpected'],
    ['takesMemory', 'memory'],
    ['writesElsewhere', 'outside'],
    ['acceptsAnything', 'wrong checksum'],
  ])('a reader that %s', async (reader, failure) => {
    const { time } = limits
    if (failure === 'hang') limits.time = 2000
    onTestFinished(() => {
      limits.time = time
    })
    const { problems } = await run([broken(reader)], 1)
    expect(problems.map(problem => problem.failure)).toEqual([failure])
  })
})

test('two mutants of every file are read or refused in a line', { timeout: 240_000 }, async () => {
  const { problems, tallies } = await run(corpus, 2 * corpus.length)
  expect(problems).toEqual([])
  expect([...tallies.values()].every(({ mutants, read, refused }) => mutants === 2 && read + refused === 2)).toBe(true)
})
