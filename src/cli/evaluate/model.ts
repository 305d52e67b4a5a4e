import type { Tensor5D } from '@tensorflow/tfjs'
import type { ArgumentsCamelCase, Argv } from 'yargs'
import { checkWhole } from '../options.ts'
import { inceptionNetwork, type MeasuringArguments, measuringOptions } from './comparing.ts'

export const command = 'model'

export const describe = 'measure a model by itself: its autoencoder, and faces sampled from noise'

export const builder = (yargs: Argv) =>
  measuringOptions(yargs)
    .option('model', { type: 'string', default: 'faces-128', describe: 'a model of configs/models, or a path' })
    .option('faces', { type: 'string', demandOption: true, describe: 'prepared faces of people it was not trained on' })
    .option('train', {
      type: 'string',
      array: true,
      default: [],
      describe: 'prepared faces of other people: how far photos are from photos',
    })
    .option('samples', { type: 'number', default: 1000, describe: 'faces to sample, and people to compare them with' })
    .option('steps', { type: 'number', default: 50, describe: 'DDIM steps per sample' })
    .option('eta', {
      type: 'number',
      default: 1,
      describe: 'noise that these steps add, 0 to 1: 0 for none, 1 for as much as DDPM adds',
    })
    .option('attention-guidance', {
      type: 'number',
      default: 0,
      describe: 'how far these steps go away from noise predicted without self-attention; 0 for not at all',
    })
    .option('pairs', {
      type: 'number',
      default: 1000,
      describe: 'maximum number of pairs of photos of one person, for recognizers',
    })
    .option('seed', { type: 'number', default: 1, describe: 'selects the people and the pairs' })
    .option('jobs', { type: 'number', default: 1, describe: 'number of parallel processes' })
    .option('out', {
      type: 'string',
      default: 'runs/evaluate/model',
      describe: 'where sampled faces and results go; a second run resumes there',
    })

/** Drawn faces on the sheet, of the first seeds, and how many in a row. */
const sheet = { faces: 64, columns: 8 }

interface Arguments extends MeasuringArguments {
  model: string
  faces: string
  train: string[]
  samples: number
  steps: number
  eta: number
  attentionGuidance: number
  pairs: number
  seed: number
  jobs: number
  out: string
  backend?: string
}

export async function handler(options: ArgumentsCamelCase<Arguments>): Promise<void> {
  const { join } = await import('node:path')
  const tf = await import('@tensorflow/tfjs')
  const { useBackend } = await import('../../backend/index.ts')
  const { loadModelConfig } = await import('../../config/model.ts')
  const { checkFaceSize, FaceStore } = await import('../../data/face-store.ts')
  const { gridImage } = await import('../../images/image.ts')
  const { toTensor } = await import('../../images/image.ts')
  const { readImage, writeImage } = await import('../../images/codec.ts')
  const { UserError } = await import('../../util/errors.ts')
  const { chooseFaces } = await import('../../eval/pairs.ts')
  const { withFeatures } = await import('../../eval/features/cache.ts')
  const { drawMissing } = await import('../../eval/model-quality/draw.ts')
  const { measureModel } = await import('../../eval/model-quality/measure.ts')
  const { provenance } = await import('../../eval/provenance.ts')
  const { writeEvaluation } = await import('../../report/evaluation-report.ts')
  const { loadThresholds } = await import('../../faces/recognizers.ts')
  const { recognizerNames } = await import('../../faces/recognizers.ts')
  const { checkJobs } = await import('../../jobs/process-pool.ts')
  const { progress } = await import('../../util/progress.ts')
  const { loadModel } = await import('../../pipeline/model.ts')

  const { samples, steps, eta, attentionGuidance, pairs, seed, jobs, out } = options
  checkWhole({ samples, steps, pairs })
  checkJobs(jobs)
  const network = await inceptionNetwork(options)
  const thresholds = await loadThresholds()
  const config = await loadModelConfig(options.model)
  const most = Math.floor(config.schedule.steps / 2)
  if (steps > most) throw new UserError(`expected --steps of 1 to ${most} for model '${config.name}', found ${steps}`)
  if (!(eta >= 0 && eta <= 1)) throw new UserError(`expected --eta of 0 to 1, found ${eta}`)
  if (!(attentionGuidance >= 0))
    throw new UserError(`expected --attention-guidance of 0 or more, found ${attentionGuidance}`)
  const chosen = async (...folders: string[]) => {
    const store = await FaceStore.open(...folders)
    checkFaceSize(store, config)
    return { store, indices: chooseFaces(store.entries, samples, seed) }
  }
  const held = await chosen(options.faces)
  const others = options.train.length > 0 ? await chosen(...options.train) : undefined
  const backend = await useBackend(options.backend)
  const model = await loadModel(options.model)

  let bar = progress('drawing faces', samples)
  const drawn = await drawMissing({
    model: options.model,
    steps,
    eta,
    attentionGuidance,
    count: samples,
    // Faces drawn by another model, in other steps, under other guidance or on another backend are other faces.
    folder: join(out, 'drawn', `${model.sha256.slice(0, 8)}-${steps}-${eta}-${attentionGuidance}-${backend}`),
    jobs,
    backend,
    onProgress: (done, total, each) => bar.update(done, `${each.toFixed(2)} s a face of one process`, total),
  }).finally(() => bar.stop())

  bar = progress('measuring', 1)
  const evaluation = await withFeatures(options.cache, cache =>
    measureModel({
      model,
      held,
      others,
      drawn,
      pairs,
      seed,
      recognizers: recognizerNames,
      guides: config.perceptual,
      thresholds,
      network,
      cache,
      onProgress: (done, total, set) => bar.update(done, set, total),
    }),
  ).finally(() => {
    bar.stop()
    return Promise.all([held.store.close(), others?.store.close()])
  })
  const from = {
    title: `The model ${config.name} by itself`,
    ...(await provenance(backend)),
    originals: `${samples} faces of as many people of ${options.faces}, chosen by seed ${seed}; faces drawn from noise in ${steps} steps with eta ${eta}${attentionGuidance > 0 ? ` and attention guidance ${attentionGuidance}` : ''}`,
  }
  console.log(await writeEvaluation([evaluation], from, out))

  const shown = Math.min(sheet.faces, samples - (samples % sheet.columns) || samples)
  const rows = Math.max(1, shown / sheet.columns)
  const images = await Promise.all(drawn.slice(0, shown).map(path => readImage(path)))
  const grid = tf.tidy(() => {
    const faces = tf.concat(images.map(toTensor))
    return tf.reshape(faces, [rows, shown / rows, model.imageSize, model.imageSize, 3]) as Tensor5D
  })
  await writeImage(join(out, 'drawn.jpg'), await gridImage(grid))
  grid.dispose()
  console.log(`${out}: report.html, table.md, metrics.json, drawn.jpg (seeds 0 to ${shown - 1})`)
}
