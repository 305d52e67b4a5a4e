/** A table of experiments/ from what was measured: a row for each version of each method, empty where nothing was. */
import type { TableColumn, TableConfig } from '../config/table.ts'
import type { Evaluation, Row } from '../eval/evaluation.ts'
import type { Definition } from '../eval/metrics/definition.ts'
import { lpipsDefinition } from '../eval/metrics/lpips.ts'
import { metricsOf } from '../eval/protocols.ts'
import type { EvaluationProvenance } from '../eval/provenance.ts'
import { type Column, definitionList, grid, type Line, line, percent, titleOf, within } from '../eval/table.ts'
import { nearestHint, UserError } from '../util/errors.ts'
import type { PlannedMethod } from './plan.ts'

/** A method of a table, and what was found of it; nothing where it cannot be run. */
export interface MeasuredMethod {
  readonly method: PlannedMethod
  readonly evaluation?: Evaluation
}

/** A row, and why it is empty or how its pictures were made. */
type TableRow = Line & ({ readonly why: string } | { readonly made: unknown })

/** Everything that can be measured, by id. */
const definitions: ReadonlyMap<string, Definition> = new Map(
  (['protected', 'recovered', 'control', 'guess'] as const)
    .flatMap(kind => metricsOf(kind, { attacks: true }))
    .flatMap(metric =>
      [...metric.definitions, lpipsDefinition].map(definition => [definition.id, definition] as const),
    ),
)

/**
 * Checks that what a table's columns show is measured at all.
 * @throws UserError for a definition that there is not
 */
export function checkColumns({ name, columns }: TableConfig): void {
  for (const { head, definition } of columns)
    if (!definitions.has(definition))
      throw new UserError(
        `table ${name}, column '${head}': '${definition}' is no definition of docs/metrics.md` +
          nearestHint(definition, definitions.keys()),
      )
}

/** The rows of a table in the order of its methods and their versions. */
function tableRows({ columns }: TableConfig, measured: readonly MeasuredMethod[]): TableRow[] {
  return measured.flatMap(({ method: { label, rows, work }, evaluation }) =>
    rows.map((version): TableRow => {
      const row = line(
        titleOf(label, version),
        evaluation?.values ?? [],
        columns.map(column => columnOf(column, version)),
      )
      return 'why' in work ? { ...row, why: work.why } : { ...row, made: settingsOf(evaluation) }
    }),
  )
}

/** A column as a row of a version sees it. */
function columnOf(column: TableColumn, version: string): Column {
  const { head, definition, recognizer, network, alignment, far, digits } = column
  const of = column.of === undefined ? undefined : pattern(column.of, version)
  const show = definitions.get(definition)?.unit.startsWith('share') ? percent : within(digits)
  return {
    head,
    picks: row =>
      row.definition === definition &&
      row.version === (column.version ?? version) &&
      (of === undefined || of.test(row.of ?? '')) &&
      (recognizer === undefined || row.recognizer === recognizer) &&
      (network === undefined || (row.network ?? '').startsWith(network)) &&
      (row.alignment === undefined || row.alignment === alignment) &&
      (row.far === undefined || row.far === far),
    show: row => (row.role === 'guide' ? `${show(row)} †` : show(row)),
  }
}

function pattern(of: string, version: string): RegExp {
  const parts = of.replaceAll('{version}', version).split('*')
  return new RegExp(`^${parts.map(part => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.*')}$`)
}

/** How a method's pictures were made, as its manifest says: the recipe with all defaults, and the weights' checksum. */
function settingsOf(evaluation: Evaluation | undefined): unknown {
  return (evaluation?.made as { settings?: unknown } | undefined)?.settings
}

/** table.json: every cell with its N, interval, threshold and recognizer, and how each row was made. */
export function tableJson(table: TableConfig, measured: readonly MeasuredMethod[], from: EvaluationProvenance): object {
  const { columns, published, asks } = table
  return {
    ...from,
    asks,
    columns: columns.map(({ head, definition }) => ({ head, definition })),
    rows: tableRows(table, measured).map(({ name, n, cells, texts: _, ...about }) => ({
      name,
      n: n ?? null,
      ...about,
      cells: Object.fromEntries(cells.map((cell, i) => [columns[i]!.head, cell ? numberOf(cell) : null])),
    })),
    published,
    notes: notesOf(measured),
    definitions: Object.fromEntries(shownDefinitions(table).map(definition => [definition.id, definition])),
  }
}

/** A value without the name of its method's folder. */
function numberOf({ method: _, ...value }: Row): object {
  return value
}

/** table.md: the table with what was run above, and what its empty cells and its numbers mean below. */
export function tableMarkdown(
  table: TableConfig,
  measured: readonly MeasuredMethod[],
  from: EvaluationProvenance,
): string {
  const rows = tableRows(table, measured)
  const { title, ...about } = from
  const heads = table.columns.map(({ head }) => head)
  const published = table.published.map(({ name, cells }) => ({
    name: `${name}, as published`,
    n: undefined,
    texts: heads.map(head => `${cells[head] ?? ''}`),
  }))
  const hasGuide = rows.some(({ cells }) => cells.some(cell => cell?.role === 'guide'))
  const bare = heads.filter((_, i) => rows.every(({ cells }) => !cells[i]))
  const notes = [
    ...(hasGuide
      ? ['† followed while the pictures were made, or read by the model: a white box, and no evidence.']
      : []),
    ...together(rows.flatMap(row => ('why' in row ? [[row.name, row.why] as const] : []))).map(
      said => `Not measured: ${said}.`,
    ),
    ...(bare.length > 0 ? [`Not measured at all: ${bare.join(', ')}: docs/evaluation.md says what that needs.`] : []),
    ...together(table.published.map(({ name, source }) => [name, source] as const)).map(
      said => `As published: ${said}.`,
    ),
    ...notesOf(measured),
  ]
  return `# ${title}

${table.asks}

${Object.entries(about)
  .map(([key, value]) => `- ${key}: ${key === 'command' ? `\`${value}\`` : value}`)
  .join('\n')}

${grid(heads, [...rows, ...published])}

${notes.map(note => `- ${note}\n`).join('')}
Shares in percent; intervals in brackets are 95 %, over people. How each row was made, and every number with its threshold, is
in [table.json](table.json).

## Definitions

${definitionList(shownDefinitions(table))}
`
}

/** 'names: what is said of them', of names and what is said of each. */
function together(pairs: readonly (readonly [string, string])[]): string[] {
  const names = new Map<string, string[]>()
  for (const [name, said] of pairs) names.set(said, [...(names.get(said) ?? []), name])
  return [...names].map(([said, named]) => `${named.join(', ')}: ${said}`)
}

/** Ids of what a table shows. */
export function shownIds({ columns }: TableConfig): Set<string> {
  return new Set(columns.map(({ definition }) => definition))
}

function shownDefinitions(table: TableConfig): Definition[] {
  return [...shownIds(table)].map(id => definitions.get(id)!)
}

/** What the evaluations say of themselves, under the names of the table. */
function notesOf(measured: readonly MeasuredMethod[]): string[] {
  const notes = measured.flatMap(({ method: { label }, evaluation }) =>
    (evaluation?.notes ?? []).map(note => note.replace(`${evaluation!.method}: `, `${label}: `)),
  )
  return [...new Set(notes)]
}
