import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readLfwPairs } from '../../src/data/lfw-pairs.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pairs-'))
})
afterAll(() => rm(folder, { recursive: true }))

async function file(name: string, ...lines: string[]): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, lines.map(line => `${line.replaceAll(' ', '\t')}\n`).join(''))
  return path
}

describe('readLfwPairs', () => {
  it('reads the folds, the genuine pairs of each before its impostor pairs', async () => {
    const fold = (name: string) => [`${name} 1 4`, `${name} 2 13`, `${name} 1 Zoe_Z 2`, `Yan_Y 10 ${name} 3`]
    const pairs = await readLfwPairs(await file('pairs.txt', '2 2', ...fold('Ann_A'), ...fold('Ben_B')))
    expect(pairs).toHaveLength(8)
    expect(pairs[1]).toEqual({ fold: 0, same: true, photos: ['Ann_A/Ann_A_0002.jpg', 'Ann_A/Ann_A_0013.jpg'] })
    expect(pairs[7]).toEqual({ fold: 1, same: false, photos: ['Yan_Y/Yan_Y_0010.jpg', 'Ben_B/Ben_B_0003.jpg'] })
  })

  it('reads a development list, which is one fold', async () => {
    const pairs = await readLfwPairs(await file('pairsDevTest.txt', '1', 'Ann_A 1 2', 'Ann_A 1 Ben_B 1'))
    expect(pairs.map(({ fold, same }) => [fold, same])).toEqual([
      [0, true],
      [0, false],
    ])
  })

  it('names what is not as it should be', async () => {
    await expect(readLfwPairs(join(folder, 'none'))).rejects.toThrow(/found no file/)
    await expect(readLfwPairs(await file('short', '1 2', 'Ann_A 1 2'))).rejects.toThrow(/found '1 2' and 1 lines/)
    await expect(readLfwPairs(await file('odd', '1 1', 'Ann_A 1 2', 'Ann_A 1 2'))).rejects.toThrow(
      /line 3 to be NAME M NAME N, found 'Ann_A 1 2'/,
    )
  })
})
