/** Every table of experiments/ is one that can be made, has a page, and is listed with what is true of it. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { experimentsFolder, loadTable, tableNames } from '../../src/config/table.ts'
import { methodOf } from '../../src/eval/methods/index.ts'
import { tableList } from '../../src/experiments/index-page.ts'
import { checkColumns } from '../../src/experiments/table.ts'

const folder = mkdtempSync(join(tmpdir(), 'tables-'))
afterAll(() => rmSync(folder, { recursive: true }))

const names = await tableNames()

/** What recognizers find out: without one a column would show any. */
const byRecognizer = [
  'cosine',
  'tar-at-far',
  'eer',
  'auc',
  'reidentification',
  'diversity',
  'learned-match',
  'identity-head',
  'protected-detector',
  'inversion-network',
  'guessed-key',
]

describe.each(names)('%s', name => {
  test('fits the schema, shows what is measured of what is made, and no two rows are called alike', async () => {
    const table = await loadTable(name, 1)
    checkColumns(table)
    const rows = table.methods.map(method => methodOf(method).name)
    expect(new Set(rows).size).toBe(rows.length)
    for (const { head, definition, recognizer } of table.columns)
      expect(recognizer !== undefined, head).toBe(byRecognizer.includes(definition))
  })

  test('has a page with its question and the command that makes it', async () => {
    const page = readFileSync(join(experimentsFolder, name, 'README.md'), 'utf8')
    const { asks } = await loadTable(name, 1)
    expect(page.replace(/\s+/g, ' ')).toContain(asks)
    expect(page).toContain(`diff-privacy reproduce ${name} `)
  })

  test('has numbers with where they are from, or none', () => {
    const path = join(experimentsFolder, name, 'table.json')
    expect(existsSync(path)).toBe(existsSync(join(experimentsFolder, name, 'table.md')))
    if (!existsSync(path)) return
    const table = JSON.parse(readFileSync(path, 'utf8'))
    for (const key of ['command', 'commit', 'backend', 'date', 'machine', 'originals']) expect(table[key]).toBeTruthy()
  })
})

test('the tables that were asked for are there', () => {
  expect(names).toEqual(
    expect.arrayContaining(['anonymization-identity', 'hiding', 'recovery', 'diversity', 'attacks', 'cost']),
  )
  for (const ablated of ['msi', 'schedule', 'energies', 'mask', 'steps', 'strength'])
    expect(names).toContain(`ablation-${ablated}`)
})

test('the page of faces-128 shows the rows of the overview', () => {
  const page = readFileSync(join(experimentsFolder, '../docs/faces-128.md'), 'utf8')
  const table = readFileSync(join(experimentsFolder, 'overview/table.md'), 'utf8')
  const rows = table.split('\n').filter(line => line.startsWith('|'))
  expect(rows.length).toBeGreaterThan(10)
  for (const row of rows) expect(page).toContain(row)
})

test('the list in README.md is that of the tables', async () => {
  expect(readFileSync(join(experimentsFolder, 'README.md'), 'utf8')).toContain(await tableList())
})

describe('what is wrong with a table is said in one line', () => {
  const column = { head: 'PSNR', definition: 'psnr' }
  const whole = { title: 'One', asks: 'What?', methods: [{ method: 'eye-bar' }], columns: [column] }
  function written(name: string, changes: object): string {
    mkdirSync(join(folder, name), { recursive: true })
    writeFileSync(join(folder, name, 'table.yaml'), stringify({ ...whole, ...changes }))
    return join(folder, name)
  }
  const refusal = (changes: object) => loadTable(written('wrong', changes), 1)

  test('a table of one', async () => {
    const table = await loadTable(written('right', {}), 1)
    expect(table).toMatchObject({ name: 'right', photos: 1, published: [], methods: [{ method: 'eye-bar' }] })
    expect(table.columns[0]).toMatchObject({ alignment: 'original', far: 1e-3, digits: 2 })
  })

  test.each([
    ['a column twice', { columns: [column, column] }, "one column 'PSNR', found two"],
    [
      'published numbers of no column',
      { published: [{ name: 'x', source: 'y', cells: { PSNT: 1 } }] },
      "head of a column (nearest: 'PSNR')",
    ],
    ['a key that there is not', { colums: [] }, "'colums' is not a known key (nearest: 'columns')"],
    [
      'a recipe for another task',
      { methods: [{ method: 'hide', recipe: 'paper/anonymize' }] },
      'expected a recipe to hide, found paper/anonymize to anonymize',
    ],
  ])('%s', async (_, changes, message) => {
    await expect(refusal(changes)).rejects.toThrow(message)
  })

  test('a definition that there is not', async () => {
    const table = await refusal({ columns: [{ head: 'PSNR', definition: 'psnrr' }] })
    expect(() => checkColumns(table)).toThrow("'psnrr' is no definition of docs/metrics.md (nearest: 'psnr')")
  })

  test('a version that its method does not make', async () => {
    const table = await refusal({ methods: [{ method: 'recover', versions: ['recoverd'] }] })
    expect(() => methodOf(table.methods[0]!)).toThrow("'recoverd' (nearest: 'recovered')")
  })
})
