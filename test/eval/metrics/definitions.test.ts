import { readdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import type { Definition } from '../../../src/eval/metrics/definition.ts'

const path = (relative: string) => fileURLToPath(new URL(`../../../${relative}`, import.meta.url))

const files = await readdir(path('src/eval/metrics'))
const modules = await Promise.all(files.map(file => import(path(`src/eval/metrics/${file}`))))
const definitions: Definition[] = modules.flatMap(module =>
  Object.entries(module).flatMap(([name, value]) => (name.endsWith('Definition') ? [value as Definition] : [])),
)
const docs = await readFile(path('docs/metrics.md'), 'utf8')

it('has an id of its own for every definition', () => {
  expect(definitions.length).toBeGreaterThan(20)
  expect(new Set(definitions.map(({ id }) => id)).size).toBe(definitions.length)
})

it.each(definitions)('$id has a section in docs/metrics.md', ({ id }) => {
  expect(docs).toContain(`<a id="${id}"></a>`)
})
