import type { ArgumentsCamelCase, Argv } from 'yargs'
import { checkWhole, type PeopleArguments, peopleOptions } from '../options.ts'
import { type ComparingArguments, comparingOptions, openComparing } from './comparing.ts'

export const command = 'methods <suite>'

export const describe = 'protect many faces by several methods, and measure and compare them'

export const builder = (yargs: Argv) =>
  peopleOptions(comparingOptions(yargs))
    .positional('suite', {
      type: 'string',
      demandOption: true,
      describe:
        'methods to compare: default-model, tasks, blur, or the path of a file such as configs/evaluate-tasks.yaml',
    })
    .option('faces', { type: 'string', demandOption: true, describe: 'a prepared store of faces: runs/data/lfw/test' })
    .option('photos', { type: 'number', default: 1, describe: 'photos per person; people with that many come first' })
    .option('set', {
      type: 'string',
      array: true,
      default: [],
      describe: "a setting of all the model's recipes: steps=10",
    })
    .option('attacks', { type: 'boolean', default: true, describe: 'train attackers on the protected faces' })
    .option('make-only', {
      type: 'boolean',
      default: false,
      describe: 'protect only: measure with evaluate images, or later',
    })
    .option('out', {
      type: 'string',
      default: 'runs/evaluate/methods',
      describe: 'folder of all results; a second run resumes there',
    })

interface Arguments extends ComparingArguments, PeopleArguments {
  suite: string
  faces: string
  photos: number
  set: string[]
  attacks: boolean
  makeOnly: boolean
  out: string
  backend?: string
}

export async function handler(options: ArgumentsCamelCase<Arguments>): Promise<void> {
  const { faces, count, photos, jobs, seed, out } = options
  checkWhole({ count, photos })
  const { useBackend } = await import('../../backend/index.ts')
  const { loadSuite, recipesOf } = await import('../../config/suite.ts')
  const { FaceStore } = await import('../../data/face-store.ts')
  const { chooseFaces } = await import('../../eval/pairs.ts')
  const { provenance } = await import('../../eval/provenance.ts')
  const { writeEvaluation } = await import('../../report/evaluation-report.ts')
  const { makeSuite, measureSuite, originalsFolder } = await import('../../eval/suite.ts')
  const { loadThresholds } = await import('../../faces/recognizers.ts')
  const { checkJobs } = await import('../../jobs/process-pool.ts')
  const { refuseRecipes } = await import('../../plan/protect.ts')
  const { progress } = await import('../../util/progress.ts')
  checkJobs(jobs)
  const comparing = await openComparing(options)
  const methods = await loadSuite(options.suite, [`seed=${seed}`, ...options.set])
  const calibration = await loadThresholds()
  const store = await FaceStore.open(faces)
  const indices = chooseFaces(store.entries, count, seed, photos)
  await store.close()
  const recipes = recipesOf(methods)
  const backend = await useBackend(options.backend ?? recipes[0]?.backend)
  await refuseRecipes(recipes, backend, jobs)
  const made = await provenance(backend)
  const from = {
    title: `Evaluation: ${options.suite}`,
    ...made,
    originals: `${indices.length} faces of ${count} people of ${faces}, chosen by seed ${seed}`,
  }

  let bar = progress('protecting faces', 1)
  await makeSuite({
    methods,
    store: faces,
    indices,
    out,
    jobs,
    backend,
    made,
    onMade: (done, total, method) => bar.update(done, method, total),
  }).finally(() => bar.stop())
  if (options.makeOnly)
    return console.log(`${originalsFolder(out)} and a folder with a manifest for each method beside it`)

  const evaluations = await measureSuite(
    methods,
    out,
    {
      calibration,
      attacks: options.attacks,
      ...comparing,
      onProgress: (done, total, what) => bar.update(done, what, total),
    },
    method => {
      bar.stop()
      bar = progress(`measuring ${method}`, 1)
    },
  ).finally(() => bar.stop())
  console.log(await writeEvaluation(evaluations, from, out))
  console.log(`${out}: report.html, table.md, metrics.json`)
}
