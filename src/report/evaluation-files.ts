/** What an evaluation leaves behind: metrics.json, table.md, report.html. */
import { join } from 'node:path'
import type { Evaluation } from '../eval/evaluation.ts'
import type { EvaluationProvenance } from '../eval/provenance.ts'
import { markdown } from '../eval/table.ts'
import { makeFolder, writeFileAtomic, writeJsonAtomic } from '../util/atomic-write.ts'
import { evaluationReport } from './evaluation-report.ts'

/**
 * Writes the three files into a folder.
 * @returns the Markdown
 */
export async function writeEvaluation(
  evaluations: readonly Evaluation[],
  from: EvaluationProvenance,
  folder: string,
): Promise<string> {
  await makeFolder(folder)
  const { title, ...about } = from
  const definitions = new Map(evaluations.flatMap(({ definitions }) => definitions.map(d => [d.id, d] as const)))
  await writeJsonAtomic(join(folder, 'metrics.json'), {
    ...about,
    methods: evaluations.map(({ method, versions, pictures, people, guides, made, measuring }) => ({
      method,
      versions,
      pictures,
      people,
      guides,
      made,
      measuring,
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
