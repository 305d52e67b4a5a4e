/** Tables of text for a terminal. */

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
