import { expect, test } from 'vitest'
import { markdownTable, textLine, textTable } from '../../src/util/text-table.ts'

test('columns are as wide as their widest cells, numbers to the right', () => {
  const rows = [
    ['network', 'size'],
    ['a', '7'],
    ['much longer', '12345'],
  ]
  expect(textTable(rows, column => column === 1)).toEqual([
    'network       size',
    'a                7',
    'much longer  12345',
  ])
  expect(textLine(['a', '', ''], [{ width: 3 }, { width: 2 }, { width: 4, right: true }])).toBe('a')
})

test('a cell of a table of Markdown cannot end its cell', () => {
  expect(markdownTable(['', 'a|b'], [[1, 'c']])).toBe('|  | a\\|b |\n| --- | --- |\n| 1 | c |')
  expect(markdownTable(['a', 'b'], [['c', 1]], { numbers: true })).toBe('| a | b |\n| --- | --: |\n| c | 1 |')
})
