/** What pictures are to reach (configs/targets/*.yaml) beside what was measured of them, white boxes apart from the rest. */
import { existsSync } from 'node:fs'
import { z } from 'zod'
import { UserError } from '../util/errors.ts'
import { repositoryPath } from '../util/paths.ts'
import { markdownTable } from '../util/text-table.ts'
import { loadConfig } from '../yaml/load.ts'
import type { Evaluation, Row } from './evaluation.ts'
import { percent, within } from './table.ts'

const targetSchema = z.strictObject({
  what: z.string().describe('what is measured, in the words of the table'),
  definition: z.string().describe('id of what is shown, as in docs/metrics.md and metrics.json: tar-at-far'),
  of: z
    .string()
    .optional()
    .describe("what is compared or counted; {version} stands for the version's name, a star at the end for anything"),
  alignment: z.enum(['original', 'own']).default('original').describe('whose landmarks faces are cut out by'),
  far: z.number().default(1e-3).describe('the false accept rate of what is accepted above a threshold'),
  atLeast: z.number().optional().describe('no value may be less'),
  atMost: z.number().optional().describe('no value may be more'),
  digits: z.int().min(0).max(6).default(2).describe('after the point, of a number that is no share'),
})

const targetsSchema = z.strictObject({
  title: z.string(),
  targets: z.array(targetSchema).min(1),
})

export type Target = z.output<typeof targetSchema>
export type Targets = z.output<typeof targetsSchema>

/** The file of the project's own targets for a protocol, where there is one. */
export function targetsOf(protocol: string): string | undefined {
  const path = repositoryPath(`configs/targets/${protocol}.yaml`)
  return existsSync(path) ? path : undefined
}

/** @throws UserError when there is no such file, or it is not as it should be */
export async function loadTargets(path: string): Promise<Targets> {
  if (!existsSync(path)) throw new UserError(`expected a file of targets at ${path}, found none`)
  return loadConfig(targetsSchema, { path })
}

/** A target and one value that it is about; none where nothing was measured. */
export interface TargetLine {
  readonly target: Target
  readonly row?: Row
  /** Whether the value is as it should be; undefined where nothing is asked of it or there is none. */
  readonly reached?: boolean
}

/** Every value that a target is about, in the order of the targets. */
export function targetLines(
  { targets }: Targets,
  { values }: Pick<Evaluation, 'values'>,
  version: string,
): TargetLine[] {
  return targets.flatMap((target): TargetLine[] => {
    const rows = values.filter(row => isAbout(target, row, version))
    return rows.length === 0 ? [{ target }] : rows.map(row => ({ target, row, ...reachedBy(target, row) }))
  })
}

function isAbout({ definition, of, alignment, far }: Target, row: Row, version: string): boolean {
  return (
    row.definition === definition &&
    row.version === version &&
    (of === undefined || pattern(of, version).test(row.of ?? '')) &&
    (row.alignment === undefined || row.alignment === alignment) &&
    (row.far === undefined || row.far === far)
  )
}

/** Matches what is compared or counted. Only a star at the end, after a blank, stands for anything: L* has one of its own. */
function pattern(of: string, version: string): RegExp {
  const isOpen = of.endsWith(' *')
  const text = (isOpen ? of.slice(0, -1) : of).replaceAll('{version}', version)
  return new RegExp(`^${text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}${isOpen ? '.+' : ''}$`)
}

function reachedBy({ atLeast, atMost }: Target, { value }: Row): { reached?: boolean } {
  if (atLeast === undefined && atMost === undefined) return {}
  return { reached: value >= (atLeast ?? Number.NEGATIVE_INFINITY) && value <= (atMost ?? Number.POSITIVE_INFINITY) }
}

/** The lines as Markdown: what was held out or is no network first, then what a recognizer or network said that was followed. */
export function targetsMarkdown(title: string, lines: readonly TargetLine[], evaluation: Evaluation): string {
  const isShare = (id: string) =>
    evaluation.definitions.find(definition => definition.id === id)?.unit.startsWith('share')
  const cells = ({ target, row, reached }: TargetLine) => {
    const show = isShare(target.definition) ? percent : within(target.digits)
    const aim = aimOf(target, isShare(target.definition) === true)
    if (!row) return [target.what, '', 'not measured', '', aim, '']
    const named = target.of === undefined || target.of.includes('{version}') ? target.what : `${target.what}: ${row.of}`
    const judged = reached === undefined ? '' : reached ? 'yes' : '**no**'
    return [named, row.recognizer ?? row.network ?? 'pixels', show(row), row.n, aim, judged]
  }
  const heads = ['', 'measured by', 'value (95 %)', 'N', 'aim', 'reached']
  const table = (chosen: readonly TargetLine[]) => markdownTable(heads, chosen.map(cells))
  const whiteBox = lines.filter(({ row }) => row?.role === 'guide')
  const others = lines.filter(({ row }) => row?.role !== 'guide')
  const missed = others.filter(({ reached }) => reached === false).length
  const asked = others.filter(({ reached }) => reached !== undefined).length
  return `# ${title}: ${evaluation.method}

${evaluation.pictures} pictures of ${evaluation.people} people; guides: ${evaluation.guides.join(', ') || 'none named'}. ${asked - missed} of ${asked} aims are reached by what was held out of making the pictures.

## Held out, or without a network

${table(others)}
${whiteBox.length > 0 ? `\n## White box: followed while the pictures were made, no evidence\n\n${table(whiteBox)}\n` : ''}`
}

function aimOf({ atLeast, atMost, digits }: Target, isShare: boolean): string {
  const show = (value: number) =>
    isShare ? `${Number((100 * value).toFixed(1))} %` : `${Number(value.toFixed(Math.max(digits, 2)))}`
  if (atLeast !== undefined && atMost !== undefined) return `${show(atLeast)} to ${show(atMost)}`
  if (atLeast !== undefined) return `at least ${show(atLeast)}`
  return atMost === undefined ? '' : `at most ${show(atMost)}`
}
