/** Tables of text for a terminal. */
import { writeFileAtomic } from './atomic-write.ts'
import { UserError } from './errors.ts'
import { readRegularText } from './regular-file.ts'

/** A column: how wide it is, and whether its cells stand at its right side. */
export interface TextColumn {
  readonly width: number
  readonly right?: boolean
}

/** One line of a table that is printed as it comes. */
export function textLine(cells: readonly string[], columns: readonly TextColumn[]): string {
  const padded = cells.map((cell, i) => {
    const { width, right = false } = columns[i]!
    return right ? cell.padStart(width) : cell.padEnd(width)
  })
  return padded.join('  ').trimEnd()
}

/**
 * The lines of a table whose columns are as wide as their widest cells.
 * @param right whether a cell stands at the right side
 */
export function textTable(
  rows: readonly (readonly string[])[],
  right: (column: number, cell: string) => boolean,
): string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map(row => row[i]!.length)))
  return rows.map(row =>
    textLine(
      row,
      row.map((cell, i) => ({ width: widths[i]!, right: right(i, cell) })),
    ),
  )
}

/**
 * A table of Markdown: the heads of its columns and its rows. What a cell has of '|' stays text.
 * @param numbers whether all columns but the first are of numbers, which stand to the right
 */
export function markdownTable(
  heads: readonly unknown[],
  rows: readonly (readonly unknown[])[],
  { numbers = false } = {},
): string {
  const line = (cells: readonly unknown[]) => `| ${cells.map(cell => `${cell}`.replaceAll('|', '\\|')).join(' | ')} |`
  return [heads, heads.map((_, i) => (numbers && i > 0 ? '--:' : '---')), ...rows].map(line).join('\n')
}

/**
 * Puts text between two lines of a file, whole or not at all.
 * @throws UserError when the lines are not there
 */
export async function writeBetween(path: string, start: string, end: string, text: string): Promise<void> {
  const page = await readRegularText(path)
  const [from, to] = [page.indexOf(start), page.indexOf(end)]
  if (from < 0 || to < from) throw new UserError(`${path}: expected the lines '${start}' and '${end}', found none`)
  await writeFileAtomic(path, `${page.slice(0, from + start.length)}\n${text}${page.slice(to)}`)
}
