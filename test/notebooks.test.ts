/** The notebooks as they are committed; `npm run notebooks` executes them. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'

const folder = resolve(import.meta.dirname, '../notebooks')
const names = readdirSync(folder).filter(name => name.endsWith('.ipynb'))

interface Cell {
  cell_type: 'code' | 'markdown'
  source: string[]
  outputs?: unknown[]
  execution_count?: number | null
}

test('there are three stories', () => {
  expect(names.toSorted()).toEqual(['first-face.ipynb', 'reading-a-sweep.ipynb', 'stable-diffusion-weights.ipynb'])
})

describe.each(names)('%s', name => {
  const { cells, metadata } = JSON.parse(readFileSync(join(folder, name), 'utf8')) as {
    cells: Cell[]
    metadata: { kernelspec: { name: string } }
  }
  const code = cells.filter(({ cell_type }) => cell_type === 'code')

  test('is TypeScript for tslab, begins with words, and holds no outputs', () => {
    expect(metadata.kernelspec.name).toBe('tslab')
    expect(cells[0]!.cell_type).toBe('markdown')
    for (const { outputs, execution_count } of code) {
      expect(outputs).toEqual([])
      expect(execution_count).toBeNull()
    }
  })

  test('loads modules that are there, and takes from them what they have', async () => {
    const text = code.map(({ source }) => source.join('')).join('\n')
    const taken = [...text.matchAll(/const \{ ([^}]*) \} = await load\('(\.\.\/src\/[^']*)'\)/g)]
    for (const [, path] of text.matchAll(/load\('([^']*)'\)/g))
      expect(existsSync(resolve(folder, path!)), path).toBe(true)
    for (const [, exported, path] of taken) {
      const source = readFileSync(resolve(folder, path!), 'utf8')
      for (const each of exported!.split(', '))
        expect(source, `${each} of ${path}`).toMatch(new RegExp(`export (async )?(function|const) ${each}\\b`))
    }
  })
})
