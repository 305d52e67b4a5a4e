/** The list of all tables in experiments/README.md, which says what each asks and whether it was made. */
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { loadModelConfig } from '../config/model.ts'
import { experimentsFolder, loadTable, tableNames } from '../config/table.ts'
import { UserError } from '../util/errors.ts'
import { readRegularText } from '../util/regular-file.ts'
import { markdownTable, writeBetween } from '../util/text-table.ts'

/** Of table.json what the list says. */
const madeSchema = z.object({
  date: z.string(),
  backend: z.string(),
  commit: z.string().optional(),
  rows: z.array(
    z.object({
      n: z.number().nullable(),
      made: z.object({ weights: z.string().optional(), model: z.unknown().optional() }).nullish(),
    }),
  ),
})

/** The list as Markdown. */
export async function tableList(folder = experimentsFolder): Promise<string> {
  const rows: string[][] = []
  for (const name of await tableNames(folder)) {
    const { title, asks } = await loadTable(join(folder, name), 0)
    rows.push([`[${title}](${name}/README.md)`, asks, await madeOf(join(folder, name), name)])
  }
  return markdownTable(['table', 'asks', 'made'], rows)
}

/** When and how a table was made, and whether with an earlier state of the default model; or that it was not made. */
async function madeOf(folder: string, name: string): Promise<string> {
  const text = await readRegularText(join(folder, 'table.json')).catch(() => undefined)
  if (text === undefined) return 'not yet'
  const made = madeSchema.safeParse(parsed(text))
  if (!made.success)
    throw new UserError(`${join(folder, 'table.json')}: expected a table, found something else: make it again`)
  const { date, backend, commit, rows } = made.data
  const n = Math.max(...rows.map(row => row.n ?? 0))
  const models = rows.flatMap(({ made }) => (made?.weights === undefined ? [] : [made]))
  const { weights: _, sha256, ...model } = await loadModelConfig('faces-128')
  // Settings that came later, at their defaults.
  const later = { alignment: 'template' }
  const isCurrent = models.some(
    made => made.weights === sha256 && isDeepStrictEqual({ ...later, ...(made.model as object) }, model),
  )
  const before = models.length > 0 && !isCurrent ? ', **earlier model**' : ''
  return `[${date}](${name}/table.md), N = ${n}, ${backend}${commit === undefined ? '' : `, ${commit}`}${before}`
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}

/** Brings the list in the folder's README.md up to date. */
export async function writeIndex(folder = experimentsFolder): Promise<void> {
  const list = `${await tableList(folder)}\n`
  await writeBetween(join(folder, 'README.md'), '<!-- tables -->', '<!-- /tables -->', list)
}
