import { writeBetween } from '../src/util/text-table.ts'

/**
 * Puts text between the marks of a bench in a Markdown file: `<!-- NAME: start -->` and `<!-- NAME: end -->`.
 * @throws UserError when the marks are not there
 */
export async function writeBetweenMarks(path: string, name: string, markdown: string): Promise<void> {
  await writeBetween(path, `<!-- ${name}: start -->`, `<!-- ${name}: end -->`, markdown)
}
