/** What an evaluation leaves behind: metrics.json, table.md, report.html. */
import { availableParallelism, cpus } from 'node:os'
import { join } from 'node:path'
import { makeFolder, writeFileAtomic, writeJsonAtomic } from '../atomic.ts'
import { evaluationReport } from '../report/evaluation-report.ts'
import type { Evaluation } from './evaluation.ts'
import { markdown } from './table.ts'

/** What was run, on what. */
export interface Provenance {
  readonly title: string
  readonly command: string
  readonly date: string
  readonly backend: string
  readonly machine: string
  readonly originals: string
}

export function provenance(title: string, backend: string, originals: string): Provenance {
  return {
    title,
    command: `diff-privacy ${process.argv.slice(2).join(' ')}`,
    date: new Date().toISOString().slice(0, 10),
    backend,
    machine: `${availableParallelism()} x ${cpus()[0]?.model.trim() ?? 'unknown'}`,
    originals,
  }
}

/**
 * Writes the three files into a folder.
 * @returns the Markdown
 */
export async function writeOutputs(
  evaluations: readonly Evaluation[],
  from: Provenance,
  folder: string,
): Promise<string> {
  await makeFolder(folder)
  const { title, ...about } = from
  const definitions = new Map(evaluations.flatMap(({ definitions }) => definitions.map(d => [d.id, d] as const)))
  await writeJsonAtomic(join(folder, 'metrics.json'), {
    ...about,
    methods: evaluations.map(({ method, versions, pictures, people, guides, made }) => ({
      method,
      versions,
      pictures,
      people,
      guides,
      made,
    })),
    notes: [...new Set(evaluations.flatMap(({ notes }) => notes))],
    definitions: Object.fromEntries(definitions),
    values: evaluations.flatMap(({ values }) => values),
  })
  const table = markdown(evaluations, { title, ...about })
  await writeFileAtomic(join(folder, 'table.md'), table)
  await writeFileAtomic(join(folder, 'report.html'), await evaluationReport(evaluations, from))
  return table
}
