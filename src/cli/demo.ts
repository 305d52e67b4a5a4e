import { basename, join, resolve } from 'node:path'
import type { ArgumentsCamelCase, Argv } from 'yargs'
import { UserError } from '../errors.ts'

export const command = 'demo'

export const builder = (yargs: Argv) =>
  yargs
    .option('faces', { type: 'number', describe: 'how many faces, of as many photos as possible [default: 3]' })
    .option('all', { type: 'boolean', describe: 'all faces of all photos', conflicts: 'faces' })
    .option('out', { type: 'string', default: 'runs/demo', describe: 'folder of the report and the photos' })
    .option('seed', { type: 'number', default: 0, describe: 'of all random numbers' })
    .option('set', { type: 'string', array: true, default: [], describe: 'a key of both recipes: steps=10' })

interface Arguments {
  faces?: number
  all?: boolean
  out: string
  seed: number
  set: string[]
  backend?: string
}

/** The sample photos of face-api, those with the plainest faces first. */
const samples = [6, 3, 5, 1, 4, 2].map(i => `sample${i}.jpg`)

export async function handler(args: ArgumentsCamelCase<Arguments>): Promise<void> {
  const { faces = 3, all = false, seed, set, backend } = args
  if (!all && !(Number.isInteger(faces) && faces > 0))
    throw new UserError(`expected a whole number of faces from 1 after --faces, found ${faces}`)
  const { makeFolder } = await import('../atomic.ts')
  const { useBackend } = await import('../backend/index.ts')
  const { loadRecipe } = await import('../config/recipe.ts')
  const { loadThresholds } = await import('../eval/thresholds.ts')
  const { loadRecognizer, recognizerNames } = await import('../faces/recognizers.ts')
  const { duration, progress } = await import('../progress.ts')
  const { keyPath } = await import('../protect/files.ts')
  const { loadModel } = await import('../protect/model.ts')
  const { pathFrom, recognizerWeights, recordFiles, softwareOf } = await import('../run-record.ts')
  const { demoPaths, runDemo } = await import('../report/demo-run.ts')
  const { packageFolder } = await import('../repository.ts')
  const started = Date.now()
  const out = resolve(args.out)
  const overrides = [`seed=${seed}`, ...set]
  const recipes = {
    anonymize: await loadRecipe('anonymize', ['samples=2', ...overrides]),
    hide: await loadRecipe('hide', overrides),
  }
  const thresholds = await loadThresholds()
  await makeFolder(out)

  const computing = await useBackend(backend ?? recipes.anonymize.backend)
  process.stderr.write(`loading the model, computing on ${computing}\n`)
  const model = await loadModel(recipes.anonymize.model)
  const recognizers = {
    dlib: await loadRecognizer('dlib'),
    faceres: await loadRecognizer('faceres'),
    mobilefacenet: await loadRecognizer('mobilefacenet'),
  }
  // Their clocks apart: how long faces take to find says nothing of how long they take to protect.
  let bar = progress('looking for faces, photo', 1)
  let looking = true
  const photos = samples.map(name => join(packageFolder('@vladmandic/face-api'), 'demo', name))
  try {
    const { faces: done } = await runDemo(
      { model, recognizers, thresholds, recipes, backend: computing },
      {
        photos,
        count: all ? Number.POSITIVE_INFINITY : faces,
        out,
        onLook: (photo, photos) => bar.update(photo, undefined, photos),
        onProgress: (done, total, note) => {
          if (looking) {
            bar.stop()
            bar = progress('protecting', total)
            looking = false
          }
          bar.update(done, note)
        },
        onFace: (done, total, report) => {
          const seconds = (Date.now() - started) / 1000
          if (done < total) bar.note(`face ${done} of ${total} after ${duration(seconds)}: open ${report} meanwhile`)
        },
      },
    )
    const used = photos.filter(path => done.some(({ photo }) => photo === basename(path)))
    const written = used.map(path => demoPaths(path, recipes, out))
    await recordFiles(out, {
      command: 'demo',
      settings: { recipes, photos: photos.map(path => pathFrom(out, path)), count: all ? null : faces },
      software: await softwareOf(computing),
      weights: { [model.name]: model.sha256, ...(await recognizerWeights(recognizerNames)) },
      inputs: used,
      outputs: written.flatMap(({ anonymized, hidden, recovered }) => [
        ...[...anonymized, hidden].flatMap(path => [path, keyPath(path)]),
        recovered,
      ]),
    })
  } finally {
    bar.stop()
  }
  console.log(`${duration((Date.now() - started) / 1000)}. The report: ${join(out, 'report.html')}`)
}
