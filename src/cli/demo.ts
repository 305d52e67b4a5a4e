import { basename, join, resolve } from 'node:path'
import type { ArgumentsCamelCase, Argv } from 'yargs'
import { checkWhole } from './options.ts'

export const command = 'demo'

export const builder = (yargs: Argv) =>
  yargs
    .option('faces', { type: 'number', describe: 'number of faces, from as many photos as possible [default: 3]' })
    .option('all', { type: 'boolean', describe: 'all faces of all photos', conflicts: 'faces' })
    .option('out', { type: 'string', default: 'runs/demo', describe: 'folder of the report and the photos' })
    .option('seed', { type: 'number', default: 0, describe: 'random seed' })
    .option('jobs', {
      type: 'number',
      describe: 'number of parallel processes [default: as many as cores and memory allow]',
    })
    .option('model', {
      type: 'string',
      describe: "another model, with its own recipes if configs/ has some [default: the recipes']",
    })
    .option('set', { type: 'string', array: true, default: [], describe: 'a key of both recipes: steps=10' })

interface Arguments {
  faces?: number
  all?: boolean
  out: string
  seed: number
  model?: string
  set: string[]
  jobs?: number
  backend?: string
}

/** The sample photos of face-api, those with large and well-lit faces of different people first. */
const samples = [6, 3, 5, 1, 4, 2].map(i => `sample${i}.jpg`)

export async function handler(args: ArgumentsCamelCase<Arguments>): Promise<void> {
  const { faces = 3, all = false, seed, model, set, backend } = args
  if (!all) checkWhole({ faces })
  const { makeFolder } = await import('../util/atomic-write.ts')
  const { chooseBackend } = await import('../backend/index.ts')
  const { guidesOf } = await import('../config/recipe.ts')
  const { loadTaskRecipe } = await import('../config/task-recipe.ts')
  const { UserError } = await import('../util/errors.ts')
  const { recognizerNames } = await import('../faces/recognizers.ts')
  const { processesToProtect } = await import('../plan/photos.ts')
  const { duration, progress } = await import('../util/progress.ts')
  const { keyPath } = await import('../pipeline/files.ts')
  const { pathFrom, recognizerWeights, recordFiles, softwareOf } = await import('../pipeline/run-record.ts')
  const { demoPaths } = await import('../report/demo-photo.ts')
  const { runDemo } = await import('../report/demo-run.ts')
  const { openDemo, piecesOfFace } = await import('../report/demo-face.ts')
  const { packageFolder } = await import('../util/paths.ts')
  const sinceStart = () => duration(performance.now() / 1000)
  const out = resolve(args.out)
  const overrides = [...(model === undefined ? [] : [`model=${model}`]), `seed=${seed}`, ...set]
  const recipes = {
    anonymize: await loadTaskRecipe('anonymize', overrides),
    hide: await loadTaskRecipe('hide', overrides),
  }
  // The report says whom recognizers accept, which it knows of those whose thresholds come with the project.
  for (const guide of Object.values(recipes).flatMap(guidesOf))
    if (!(recognizerNames as readonly string[]).includes(guide))
      throw new UserError(`demo: expected a guide out of ${recognizerNames.join(', ')}, found ${guide}`)
  const count = all ? Number.POSITIVE_INFINITY : faces
  const computing = await chooseBackend(backend ?? recipes.anonymize.backend)
  const jobs = await processesToProtect(recipes.anonymize, computing, piecesOfFace * count, args.jobs)
  const tools = await openDemo(recipes, computing, jobs)
  await makeFolder(out)
  process.stderr.write(`computing on ${computing} in ${jobs === 1 ? 'one process' : `${jobs} processes`}\n`)

  // Their clocks apart: how long faces take to find says nothing of how long they take to protect.
  let bar = progress('looking for faces, photo', 1)
  let looking = true
  const photos = samples.map(name => join(packageFolder('@vladmandic/face-api'), 'demo', name))
  try {
    const { model: used, faces: done } = await runDemo(tools, {
      photos,
      count,
      out,
      onLook(done, photos) {
        if (looking) bar.update(done, undefined, photos)
      },
      onProgress: (done, total, note) => {
        if (looking) {
          bar.stop()
          bar = progress('protecting', total)
          looking = false
        }
        bar.update(done, note)
      },
      onProtected: (seconds, path) => bar.note(`the first face is protected after ${duration(seconds)}: ${path}`),
      onFace: (done, total, report) => {
        if (done < total) bar.note(`face ${done} of ${total} after ${sinceStart()}: open ${report} meanwhile`)
      },
    })
    const shown = photos.filter(path => done.some(({ photo }) => photo === basename(path)))
    const written = shown.map(path => demoPaths(path, recipes, out))
    await recordFiles(out, {
      command: 'demo',
      settings: { recipes, photos: photos.map(path => pathFrom(out, path)), count: all ? null : faces },
      software: await softwareOf(computing, jobs),
      weights: { [used.name]: used.sha256, ...(await recognizerWeights(recognizerNames)) },
      inputs: shown,
      outputs: written.flatMap(({ anonymized, hidden, recovered }) => [
        ...[...anonymized, hidden].flatMap(path => [path, keyPath(path)]),
        recovered,
      ]),
    })
  } finally {
    bar.stop()
    await tools.close()
  }
  console.log(`${sinceStart()}. The report: ${join(out, 'report.html')}`)
}
