/** A table of Markdown: the heads of its columns and its rows. What a cell has of '|' stays text. */
export function markdownTable(heads: readonly unknown[], rows: readonly (readonly unknown[])[]): string {
  const line = (cells: readonly unknown[]) => `| ${cells.map(cell => `${cell}`.replaceAll('|', '\\|')).join(' | ')} |`
  return [heads, heads.map(() => '---'), ...rows].map(line).join('\n')
}
