import type { ArgumentsCamelCase, Argv } from 'yargs'

export const command = 'evaluate'

const tasks = ['anonymize', 'hide'] as const

export const builder = (yargs: Argv) =>
  yargs
    .option('faces', { type: 'string', demandOption: true, describe: 'a prepared store of faces: runs/data/lfw/test' })
    .option('count', { type: 'number', default: 200, describe: 'faces to measure, of as many people' })
    .option('recipe', { choices: [...tasks, 'both'] as const, default: 'both' as const, describe: 'what to measure' })
    .option('samples', { type: 'number', default: 1, describe: 'anonymized versions of each face' })
    .option('set', { type: 'string', array: true, default: [], describe: 'a setting of the recipes: steps=10' })
    .option('jobs', { type: 'number', default: 1, describe: 'processes that measure side by side' })
    .option('part', { type: 'string', hidden: true, describe: 'K/N: measure this part only, without a summary' })
    .option('out', {
      type: 'string',
      default: 'runs/evaluate',
      describe: 'where results go; a second run goes on there',
    })

interface Arguments {
  faces: string
  count: number
  recipe: (typeof tasks)[number] | 'both'
  samples: number
  set: string[]
  jobs: number
  part?: string
  out: string
  backend?: string
}

export async function handler(options: ArgumentsCamelCase<Arguments>): Promise<void> {
  const { cpus } = await import('node:os')
  const { join } = await import('node:path')
  const { writeFileAtomic, writeJsonAtomic } = await import('../atomic.ts')
  const { useBackend } = await import('../backend/index.ts')
  const { loadRecipe } = await import('../config/recipe.ts')
  const { FaceStore } = await import('../data/face-store.ts')
  const { UserError } = await import('../errors.ts')
  const { chooseFaces, countMeasured, evaluateFaces } = await import('../eval/evaluation.ts')
  const { partOf, runJobs } = await import('../eval/jobs.ts')
  const { summarise } = await import('../eval/summary.ts')
  const { summaryTable } = await import('../eval/summary-table.ts')
  const { loadThresholds } = await import('../eval/thresholds.ts')
  const { loadRecognizer, recognizerNames } = await import('../faces/recognizers.ts')
  const { progress } = await import('../progress.ts')
  const { loadModel } = await import('../protect/model.ts')

  const { faces, count, recipe: asked, samples, set, jobs, part, out } = options
  if (!Number.isInteger(count) || count < 1) throw new UserError(`expected a --count of 1 or more, found ${count}`)
  if (!Number.isInteger(jobs) || jobs < 1) throw new UserError(`expected --jobs of 1 or more, found ${jobs}`)
  const recipes = {
    ...(asked !== 'hide' && { anonymize: await loadRecipe('anonymize', [`samples=${samples}`, ...set]) }),
    ...(asked !== 'anonymize' && { hide: await loadRecipe('hide', set) }),
  }
  const { model: modelName, guide: guideName, seed, backend: configured } = (recipes.anonymize ?? recipes.hide)!

  const thresholds = await loadThresholds()
  const store = await FaceStore.open(faces)
  const indices = chooseFaces(store.entries, count, seed)
  const backend = await useBackend(options.backend ?? configured)
  const model = await loadModel(modelName)
  const guide = await loadRecognizer(guideName)
  const recognizers = await Promise.all(recognizerNames.map(name => loadRecognizer(name)))
  const subject = { model, guide, recognizers, recipes }

  if (part !== undefined) {
    const [k, n] = part.split('/').map(Number)
    await evaluateFaces(subject, store, partOf(indices, k!, n!), out)
    return store.close()
  }
  const bar = progress('measuring faces', count)
  if (jobs > 1) {
    const before = await countMeasured(out)
    await runJobs(jobs, async () => bar.update(Math.min(count, (await countMeasured(out)) - before)))
  }
  const results = await evaluateFaces(subject, store, indices, out, done => bar.update(done)).finally(() => {
    bar.stop()
    return store.close()
  })

  const summary = summarise(results, guideName, thresholds)
  const provenance = {
    command: `diff-privacy ${process.argv.slice(2).join(' ')}`,
    date: new Date().toISOString().slice(0, 10),
    backend,
    machine: `${cpus().length} x ${cpus()[0]?.model.trim() ?? 'unknown'}`,
    model: { name: model.name, sha256: model.sha256 },
    faces: `${faces}, chosen by seed ${seed}`,
    guide: guideName,
    recipes,
  }
  await writeJsonAtomic(join(out, 'metrics.json'), { ...provenance, thresholds, ...summary })
  const table = summaryTable(summary, provenance)
  await writeFileAtomic(join(out, 'table.md'), table)
  console.log(table)
  console.log(`${out}: table.md, metrics.json, faces.jsonl, sheet.png`)
}
