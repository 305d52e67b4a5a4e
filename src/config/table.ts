/** What a table of experiments/ asks, makes and shows (experiments/NAME/table.yaml). */
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { z } from 'zod'
import { nearestHint, UserError } from '../util/errors.ts'
import { repositoryPath } from '../util/paths.ts'
import { loadConfig } from '../yaml/load.ts'
import { msiVariants } from './model.ts'
import { guideNames } from './recipe.ts'
import { loadMethod, type MethodConfig, suiteSchema } from './suite.ts'

/** The folder of all tables. */
export const experimentsFolder = repositoryPath('experiments')

const tableFile = 'table.yaml'

const columnSchema = z.strictObject({
  head: z.string().describe('heads the column; no two have the same'),
  definition: z.string().describe('id of what is shown, as in docs/metrics.md and metrics.json: tar-at-far'),
  of: z
    .string()
    .optional()
    .describe("what is compared or counted; {version} stands for the row's version, a star for anything"),
  version: z.string().optional().describe("a version other than the row's: recovered-guessed-key"),
  recognizer: z.enum(guideNames).optional(),
  network: z.string().optional().describe('how the name of a network that is no recognizer begins: BlazeFace'),
  alignment: z.enum(['original', 'own']).default('original').describe('whose landmarks faces are cut out by'),
  far: z.number().default(1e-3).describe('the false accept rate of what is accepted above a threshold'),
  digits: z.int().min(0).max(6).default(2).describe('after the point, of a number that is no share'),
})

const publishedSchema = z.strictObject({
  name: z.string().describe('the method'),
  source: z.string().describe('where the numbers are published, and on what faces'),
  cells: z
    .record(z.string(), z.union([z.number(), z.string()]))
    .default({})
    .describe('numbers as published, by the heads of columns'),
})

const tableSchema = suiteSchema
  .extend({
    title: z.string(),
    asks: z.string().describe('the question that the table answers'),
    set: z
      .array(z.string())
      .default([])
      .describe("settings over the recipe of each row, before the row's own: attempts=1"),
    photos: z.int().positive().default(1).describe('photos of each person; people who have as many come first'),
    columns: z.array(columnSchema).min(1),
    published: z.array(publishedSchema).default([]).describe('rows of numbers that others published'),
    trains: z
      .array(
        z.strictObject({
          variant: z.enum(msiVariants).describe('the form of MSI'),
          config: z.string().describe('its training config, relative to the repository'),
          writes: z.string().describe("the weights' file that a model of the table names"),
        }),
      )
      .default([])
      .describe('forms of MSI that are trained where their weights are absent'),
  })
  .superRefine(({ columns, published }, context) => {
    const heads = columns.map(({ head }) => head)
    const twice = heads.find((head, i) => heads.indexOf(head) !== i)
    if (twice !== undefined)
      context.addIssue({ code: 'custom', path: ['columns'], message: `expected one column '${twice}', found two` })
    for (const [i, { cells }] of published.entries())
      for (const head of Object.keys(cells))
        if (!heads.includes(head))
          context.addIssue({
            code: 'custom',
            path: ['published', i, 'cells', head],
            message: `expected the head of a column${nearestHint(head, heads)}`,
          })
  })

type WrittenTable = z.output<typeof tableSchema>

export type TableColumn = WrittenTable['columns'][number]

/** A table, ready to be made. */
export type TableConfig = Omit<WrittenTable, 'methods'> & {
  readonly name: string
  readonly folder: string
  readonly methods: readonly MethodConfig[]
}

/** The names of the project's tables: the folders of experiments/ with a table.yaml. */
export async function tableNames(folder = experimentsFolder): Promise<string[]> {
  const names = await readdir(folder)
  return names.filter(name => existsSync(join(folder, name, tableFile))).sort()
}

/**
 * A table: `name` of experiments/, or the path of a folder with a table.yaml.
 * @param seed of all recipes
 * @throws UserError when there is no such table, or it is not as it should be
 */
export async function loadTable(name: string, seed: number): Promise<TableConfig> {
  const own = join(experimentsFolder, name)
  const folder = [own, resolve(name)].find(path => existsSync(join(path, tableFile)))
  if (!folder) {
    const names = await tableNames()
    const known = [...names, 'all']
    throw new UserError(
      `expected a table of experiments/, or a folder with a ${tableFile}, found '${name}'` +
        `${nearestHint(name, known)}: there are ${known.join(', ')}`,
    )
  }
  const table = await loadConfig(tableSchema, { path: join(folder, tableFile) })
  const methods = table.methods.map(entry => {
    if (!('set' in entry)) return loadMethod(entry)
    // What an attacker makes of protected pictures costs more than they do: it is made where a table asks for it.
    const versions = entry.versions ?? (entry.method === 'recover' ? undefined : ['protected'])
    return loadMethod({ ...entry, versions, set: [...table.set, ...entry.set] }, [`seed=${seed}`])
  })
  return { ...table, name: basename(folder), folder, methods: await Promise.all(methods) }
}
