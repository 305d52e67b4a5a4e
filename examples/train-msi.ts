/**
 * Trains multi-scale image inversion (MSI) of the small model on a folder of photos, and says how its loss falls.
 *
 *   npx tsx examples/train-msi.ts [FOLDER] [steps=200] [photos=N]
 */
import { readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import {
  align,
  detectFaces,
  loadConfig,
  loadModelConfig,
  readImage,
  runTraining,
  StoreWriter,
  trainSchema,
  useBackend,
} from 'diff-privacy'
import { own, pathOr, results } from './arguments.ts'

const folder = pathOr('node_modules/@vladmandic/face-api/demo')
const [steps, photos] = [own('steps', 200), own('photos', Number.POSITIVE_INFINITY)]
const backend = await useBackend()
const model = await loadModelConfig('faces-128')

// Every face of the folder, aligned as the model wants it, in a store.
const store = join(results, 'faces')
const writer = await StoreWriter.create(store, model.imageSize)
let [count, used] = [0, 0]
for (const name of (await readdir(folder)).filter(name => /\.(jpe?g|png)$/i.test(name)).sort()) {
  if (used === photos) break
  const photo = await readImage(join(folder, name))
  const faces = await detectFaces(photo)
  for (const [i, { landmarks }] of faces.entries()) {
    const { face } = await align(model.alignment, photo, landmarks, model.imageSize)
    const id = `${basename(name)}/${i}`
    await writer.add({ id, identity: id }, face.data)
  }
  count += faces.length
  if (faces.length > 0) used++
}
await writer.finish()
console.log(`${count} faces of ${folder}`)

const overrides = [`steps=${steps}`, 'batchSize=4', `logEvery=${Math.ceil(steps / 10)}`, 'precision=float32']
const asked = await loadConfig(trainSchema, { path: 'configs/train-msi-faces.yaml', overrides })
const config = { ...asked, backend }
await runTraining(
  config,
  model,
  { faces: [store], out: join(results, 'msi') },
  { onPrepare: () => {}, onReport: ({ step, loss }) => console.log(`step ${step}: loss ${loss.toFixed(4)}`) },
)
