import { readdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const path = (relative: string) => fileURLToPath(new URL(`../../../${relative}`, import.meta.url))

const folder = path('src/eval')
const files = (await readdir(folder, { recursive: true })).filter(file => file.endsWith('.ts'))
const sources = await Promise.all(files.map(file => readFile(`${folder}/${file}`, 'utf8')))
const ids = sources.flatMap(source => [...source.matchAll(/: Definition = \{\s*id: '([^']+)'/g)].map(([, id]) => id!))
const docs = await readFile(path('docs/metrics.md'), 'utf8')

it('has an id of its own for every definition', () => {
  expect(ids.length).toBeGreaterThan(20)
  expect(new Set(ids).size).toBe(ids.length)
})

it.each(ids)('%s has a section in docs/metrics.md', id => {
  expect(docs).toContain(`<a id="${id}"></a>`)
})
