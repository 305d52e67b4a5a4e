import { readFile } from 'node:fs/promises'
import { writeFileAtomic } from '../src/atomic.ts'
import { UserError } from '../src/errors.ts'
import { markdown, type Report } from './report.ts'

const [start, end] = ['<!-- bench: start -->', '<!-- bench: end -->']

/**
 * Puts the report between its two marks in a Markdown file, whole or not at all.
 * @throws UserError when the marks are not there
 */
export async function writeTable(path: string, report: Report): Promise<void> {
  const text = await readFile(path, 'utf8')
  const [from, to] = [text.indexOf(start), text.indexOf(end)]
  if (from < 0 || to < from) throw new UserError(`${path}: expected the lines '${start}' and '${end}', found none`)
  await writeFileAtomic(path, `${text.slice(0, from + start.length)}\n${markdown(report)}${text.slice(to)}`)
}
