import type { ArgumentsCamelCase, Argv } from 'yargs'
import { type ComparingArguments, comparingOptions, openComparing } from './evaluate/comparing.ts'
import { checkWhole, type PeopleArguments, peopleOptions } from './options.ts'

export const command = 'reproduce <table>'

export const builder = (yargs: Argv) =>
  peopleOptions(comparingOptions(yargs))
    .positional('table', {
      type: 'string',
      demandOption: true,
      describe: 'a folder of experiments/, such as anonymization-identity; the path of a custom table; or all',
    })
    .option('faces', {
      type: 'string',
      array: true,
      default: ['runs/data/lfw/test'],
      describe: 'prepared faces; repeat for each other size that models need',
    })
    .option('train', {
      type: 'string',
      array: true,
      describe: 'prepared faces of other people, for tables that train models',
    })
    .option('out', {
      type: 'string',
      default: 'runs/reproduce',
      describe: 'folder of all pictures, shared by all tables; a second run resumes there',
    })

interface Arguments extends ComparingArguments, PeopleArguments {
  table: string
  faces: string[]
  train?: string[]
  out: string
  backend?: string
}

export async function handler(options: ArgumentsCamelCase<Arguments>): Promise<void> {
  const { dirname } = await import('node:path')
  const { useBackend } = await import('../backend/index.ts')
  const { recipesOf } = await import('../config/suite.ts')
  const { experimentsFolder, loadTable, tableNames } = await import('../config/table.ts')
  const { loadThresholds } = await import('../faces/recognizers.ts')
  const { writeIndex } = await import('../experiments/index-page.ts')
  const { planTables } = await import('../experiments/plan.ts')
  const { reproduceTable } = await import('../experiments/reproduce.ts')
  const { checkColumns } = await import('../experiments/table.ts')
  const { trainAbsent } = await import('../experiments/train.ts')
  const { checkJobs } = await import('../jobs/process-pool.ts')
  const { refuseRecipes } = await import('../plan/protect.ts')
  const { progress } = await import('../util/progress.ts')

  const { faces, count, seed, jobs, out, train } = options
  checkWhole({ count })
  checkJobs(jobs)
  const comparing = await openComparing(options)
  const names = options.table === 'all' ? await tableNames() : [options.table]
  const tables = await Promise.all(names.map(name => loadTable(name, seed)))
  for (const table of tables) checkColumns(table)
  const calibration = await loadThresholds()
  const backend = await useBackend(options.backend)
  const bar = progress('reproducing', 1)
  const said: string[] = []
  try {
    for (const table of tables) await trainAbsent(table, train, backend, text => bar.note(text))
    const plans = await planTables(tables, { faces, count, seed, backend, out })
    const works = plans.flatMap(({ methods }) => methods.flatMap(({ work }) => ('config' in work ? [work.config] : [])))
    await refuseRecipes(recipesOf(works), backend, jobs)
    for (const planned of plans) {
      const { markdown, files } = await reproduceTable(planned, {
        count,
        seed,
        jobs,
        backend,
        out,
        measuring: { calibration, ...comparing },
        onProgress: (done, total, what) => bar.update(done, what, total),
      })
      said.push(tables.length === 1 ? markdown : '', ...files)
      if (files.length === 0) said.push(`${planned.table.name}: nothing of it can be measured here`)
      else if (dirname(planned.table.folder) === experimentsFolder) await writeIndex()
    }
  } finally {
    bar.stop()
  }
  console.log(said.filter(Boolean).join('\n'))
}
