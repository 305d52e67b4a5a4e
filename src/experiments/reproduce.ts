/** Makes tables of experiments/ from nothing: what is there already, made in the same way, is not made again. */
import { join } from 'node:path'
import type { BackendName } from '../backend/index.ts'
import type { MethodConfig } from '../config/suite.ts'
import type { Evaluation, EvaluationOptions } from '../eval/evaluation.ts'
import { methodOf } from '../eval/methods/index.ts'
import { type Provenance, provenance } from '../eval/provenance.ts'
import { makeSuite, measureSuite } from '../eval/suite.ts'
import { writeFileAtomic, writeJsonAtomic } from '../util/atomic-write.ts'
import { type ChosenFaces, type PlannedTable, type PlanOptions, shown } from './plan.ts'
import { type MeasuredMethod, shownIds, tableJson, tableMarkdown } from './table.ts'

export interface ReproduceOptions extends Omit<PlanOptions, 'faces'> {
  readonly backend: BackendName
  /** Worker processes. */
  readonly jobs: number
  /** How pictures are measured: features that are kept, thresholds, networks. */
  readonly measuring: Pick<EvaluationOptions, 'cache' | 'calibration' | 'network' | 'lpips'>
  /** Told of pictures and features that are not there yet. */
  readonly onProgress?: (done: number, total: number, what: string) => void
}

/** The faces of a table that one store holds, and the methods that protect them. */
interface Suite {
  readonly faces: ChosenFaces
  readonly methods: Map<string, MethodConfig>
}

/**
 * Makes the pictures of a table, measures what its columns show, and writes table.md and table.json beside its table.yaml,
 * or nothing where no method can be run.
 * @returns the Markdown, and the paths of what was written
 */
export async function reproduceTable(
  { table, methods }: PlannedTable,
  options: ReproduceOptions,
): Promise<{ markdown: string; files: string[] }> {
  const { backend, count, seed } = options
  const suites = new Map<string, Suite>()
  for (const { work } of methods) {
    if ('why' in work) continue
    const suite = suites.get(work.faces.out) ?? { faces: work.faces, methods: new Map<string, MethodConfig>() }
    suites.set(work.faces.out, suite)
    suite.methods.set(methodOf(work.config).name, work.config)
  }
  const stores = [...suites.values()].map(({ faces }) => `${faces.indices.length} of ${faces.store}`)
  const made = await provenance(backend)
  const originals = `faces of ${count} people, chosen by seed ${seed}: ${stores.join('; ') || 'none'}`
  const from = { title: table.title, ...made, originals }
  const found = new Map<string, Evaluation>()
  for (const suite of suites.values())
    for (const evaluation of await runSuite(suite, { table, methods }, options, made))
      found.set(join(suite.faces.out, evaluation.method), evaluation)
  const measured = methods.map((method): MeasuredMethod => {
    const { work } = method
    const evaluation = 'config' in work ? found.get(join(work.faces.out, methodOf(work.config).name)) : undefined
    return { method, ...(evaluation && { evaluation }) }
  })
  const markdown = tableMarkdown(table, measured, from)
  if (found.size === 0) return { markdown, files: [] }
  const files = ['table.json', 'table.md'].map(name => join(table.folder, name)) as [string, string]
  await writeJsonAtomic(files[0], tableJson(table, measured, from))
  await writeFileAtomic(files[1], markdown)
  return { markdown, files }
}

/** Makes what is not there yet of a suite, and measures it. */
async function runSuite(
  { faces, methods }: Suite,
  planned: PlannedTable,
  { backend, jobs, measuring, onProgress = () => {} }: ReproduceOptions,
  made: Provenance,
): Promise<Evaluation[]> {
  const { table } = planned
  const configs = [...methods.values()]
  const rows = planned.methods.flatMap(method => method.rows)
  await makeSuite({
    methods: configs,
    store: faces.store,
    indices: faces.indices,
    out: faces.out,
    jobs,
    backend,
    made,
    onMade: (done, total, method) => onProgress(done, total, `${table.name}: making ${method}`),
  })
  const recognizers = [...new Set(table.columns.flatMap(({ recognizer }) => recognizer ?? []))]
  let name = ''
  return measureSuite(
    // Other tables may show more of their versions.
    configs.map(config => shown(config, table, rows)),
    faces.out,
    {
      ...measuring,
      recognizers,
      attacks: true,
      definitions: shownIds(table),
      onProgress: (done, total, what) => onProgress(done, total, `${table.name}: measuring ${name}, ${what}`),
    },
    method => {
      name = method
    },
  )
}
