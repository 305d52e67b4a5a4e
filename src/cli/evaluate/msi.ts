import type { Tensor4D, Tensor5D } from '@tensorflow/tfjs'
import type { ArgumentsCamelCase, Argv } from 'yargs'
import { repositoryPath } from '../../util/paths.ts'
import { checkWhole } from '../options.ts'

export const command = 'msi'

export const describe = 'measure how well faces come back under different forms of MSI, trained on the way'

const experiment = (name: string) => repositoryPath(`experiments/msi-variants/${name}.yaml`)

export const builder = (yargs: Argv) =>
  yargs
    .option('faces', { type: 'string', demandOption: true, describe: 'a prepared store of faces to recover' })
    .option('train', { type: 'string', array: true, demandOption: true, describe: 'prepared faces of other people' })
    .option('count', { type: 'number', default: 20, describe: 'faces to measure, one per person' })
    .option('seed', { type: 'number', default: 1, describe: 'selects the faces' })
    .option('over', {
      type: 'string',
      default: experiment('train-set'),
      describe: 'how MSI is trained over the train set',
    })
    .option('image', {
      type: 'string',
      default: experiment('per-image'),
      describe: 'how MSI is trained on one image, and on one person',
    })
    .option('set', { type: 'string', array: true, default: [], describe: 'key=value, overrides both of these configs' })
    .option('steps', { type: 'number', describe: "steps of inversion and recovery [default: the recipe anonymize's]" })
    .option('out', {
      type: 'string',
      default: 'runs/evaluate/msi',
      describe: 'where results and trained networks go; a second run resumes there',
    })

/** Faces on the sheet. */
const sheetRows = 8

/** People of whom there are as many photos are measured first, so that one person is more than one image. */
const photosOfPerson = 4

interface Arguments {
  faces: string
  train: string[]
  count: number
  seed: number
  over: string
  image: string
  set: string[]
  steps?: number
  out: string
  backend?: string
}

export async function handler(options: ArgumentsCamelCase<Arguments>): Promise<void> {
  const { join } = await import('node:path')
  const tf = await import('@tensorflow/tfjs')
  const { makeFolder, writeFileAtomic, writeJsonAtomic } = await import('../../util/atomic-write.ts')
  const { useBackend } = await import('../../backend/index.ts')
  const { loadConfig } = await import('../../yaml/load.ts')
  const { loadModelConfig } = await import('../../config/model.ts')
  const { loadRecipe } = await import('../../config/recipe.ts')
  const { trainSchema } = await import('../../config/train.ts')
  const { FaceStore } = await import('../../data/face-store.ts')
  const { gridImage } = await import('../../images/image.ts')
  const { toTensor } = await import('../../images/image.ts')
  const { writeImage } = await import('../../images/codec.ts')
  const { UserError } = await import('../../util/errors.ts')
  const { choosePeople } = await import('../../eval/pairs.ts')
  const { armName, arms, measureMsiVariants, msiVariantsTable } = await import('../../eval/msi-variants.ts')
  const { provenance } = await import('../../eval/provenance.ts')
  const { loadThresholds } = await import('../../faces/recognizers.ts')
  const { loadFeatureNetwork } = await import('../../faces/features.ts')
  const { loadRecognizer, recognizerNames } = await import('../../faces/recognizers.ts')
  const { progress } = await import('../../util/progress.ts')
  const { loadModel } = await import('../../pipeline/model.ts')
  const { trainedMsi } = await import('../../train/trained-msi.ts')

  const { faces, count, seed, out } = options
  checkWhole({ count })
  const backend = await useBackend(options.backend)
  const msiConfig = async (path: string) => {
    const config = await loadConfig(trainSchema, { path, overrides: options.set })
    if (config.task !== 'msi')
      throw new UserError(`${path}: expected task: msi, found ${config.task}: name another file`)
    // In full precision, in which faces are brought back too.
    return { ...config, backend, precision: 'float32' } as const
  }
  const forOne = await msiConfig(options.image)
  const configs = { image: forOne, person: forOne, 'train set': await msiConfig(options.over) }
  const config = await loadModelConfig(forOne.model)
  const { recovery: usual } = await loadRecipe('faces-128/anonymize', [])
  const recovery = { ...usual, steps: options.steps ?? usual.steps }
  const most = Math.floor(config.schedule.steps / 2)
  if (!Number.isInteger(recovery.steps) || recovery.steps < 2 || recovery.steps > most)
    throw new UserError(`expected --steps of 2 to ${most} for model '${config.name}', found ${recovery.steps}`)
  const model = await loadModel(forOne.model)
  const network = await loadFeatureNetwork(config.features, config.msi.featureDims)
  const recognizers = await Promise.all(recognizerNames.map(name => loadRecognizer(name)))
  const thresholds = await loadThresholds()
  const store = await FaceStore.open(faces)
  const indices = choosePeople(store.entries, count, seed, photosOfPerson)

  const bar = progress('bringing faces back', count)
  const training = { model: config, network, out, onReport: (text: string) => bar.note(text) }
  const rows: Tensor4D[] = []
  await makeFolder(out)
  const measurements = await measureMsiVariants(model, recognizers, store, {
    indices,
    recovery,
    msiOf: ({ msi, trained }, { id, identity }) => {
      const subject = { image: { image: id }, person: { identity }, 'train set': 'everybody' } as const
      const from = trained === 'train set' ? options.train : [faces]
      return trainedMsi(msi, configs[trained], from, subject[trained], training)
    },
    onFace: (done, pictures) => {
      if (done <= sheetRows) rows.push(tf.tidy(() => tf.concat(pictures.map(toTensor))))
      bar.update(done)
    },
  }).finally(() => {
    bar.stop()
    return store.close()
  })

  const from = {
    title: 'Forms of MSI',
    ...(await provenance(backend)),
    originals: `${count} faces of as many people of ${faces}, chosen by seed ${seed}`,
    model: { name: model.name, sha256: model.sha256 },
    recovery,
    training: configs,
  }
  await writeJsonAtomic(join(out, 'metrics.json'), { ...from, thresholds, measurements })
  const table = msiVariantsTable(measurements, thresholds)
  await writeFileAtomic(join(out, 'table.md'), table)
  const grid = tf.stack(rows) as Tensor5D
  await writeImage(join(out, 'sheet.png'), await gridImage(grid))
  tf.dispose([grid, ...rows])
  console.log(table)
  console.log(`${out}: table.md, metrics.json, sheet.png (the original, ${arms.map(armName).join('; ')})`)
}
