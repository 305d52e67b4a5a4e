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
