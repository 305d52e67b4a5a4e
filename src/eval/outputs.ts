/** What an evaluation leaves behind: metrics.json, table.md, report.html. */
import { availableParallelism, cpus } from 'node:os'
import { join } from 'node:path'
import { makeFolder, writeFileAtomic, writeJsonAtomic } from '../atomic.ts'
import type { BackendName } from '../backend/index.ts'
import { evaluationReport } from '../report/evaluation-report.ts'
import { softwareOf } from '../run-record.ts'
import type { Evaluation } from './evaluation.ts'
import { markdown } from './table.ts'

/** What was run, on what. */
export interface Provenance {
  readonly title: string
  readonly command: string
  /** Of this repository, where it runs from one; with '-dirty' when files differ from it. */
  readonly commit?: string
  readonly date: string
  readonly backend: string
  readonly machine: string
  readonly originals: string
}

export async function provenance(title: string, backend: BackendName, originals: string): Promise<Provenance> {
  const { commit } = await softwareOf(backend)
  return {
    title,
    command: `diff-privacy ${process.argv.slice(2).join(' ')}`,
    ...(commit !== undefined && { commit }),
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
