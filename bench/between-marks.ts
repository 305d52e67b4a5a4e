import { readFile } from 'node:fs/promises'
import { writeFileAtomic } from '../src/atomic.ts'
import { UserError } from '../src/errors.ts'

/**
 * Puts text between two marks in a Markdown file, whole or not at all: `<!-- NAME: start -->` and `<!-- NAME: end -->`.
 * @throws UserError when the marks are not there
 */
export async function writeBetweenMarks(path: string, name: string, markdown: string): Promise<void> {
  const [start, end] = [`<!-- ${name}: start -->`, `<!-- ${name}: end -->`]
  const text = await readFile(path, 'utf8')
  const [from, to] = [text.indexOf(start), text.indexOf(end)]
  if (from < 0 || to < from) throw new UserError(`${path}: expected the lines '${start}' and '${end}', found none`)
  await writeFileAtomic(path, `${text.slice(0, from + start.length)}\n${markdown}${text.slice(to)}`)
}
