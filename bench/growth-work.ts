/**
 * Measures one axis in a process of its own. Arguments: the axis and the backend. Prints one line of JSON for each value, in
 * rising order, so that the most memory that was ever held is that of the value. Every value is done twice, the first time to
 * warm up.
 */
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { releaseBackend, useBackend } from '../src/backend/index.ts'
import { loadModelConfig } from '../src/config/model.ts'
import { loadRecipe } from '../src/config/recipe.ts'
import { loadFeatureNetwork } from '../src/faces/features.ts'
import { loadRecognizer } from '../src/faces/recognizers.ts'
import { readImage, resizeImage } from '../src/images/codec.ts'
import { type Image, toTensor } from '../src/images/image.ts'
import { latentDiffusion, parametersOf } from '../src/models/latent-diffusion.ts'
import { putBack } from '../src/pipeline/compose-photo.ts'
import { protectFace } from '../src/pipeline/face.ts'
import { assembleModel, type FaceModel } from '../src/pipeline/model.ts'
import { loadModelWeights } from '../src/pipeline/model-weights.ts'
import { facesOfPhoto } from '../src/pipeline/photo-face.ts'
import { packageFolder } from '../src/util/paths.ts'
import { axes } from './growth-axes.ts'
import { processorSeconds } from './kernels.ts'
import { peakMemory } from './peak-memory.ts'

const [name, backend] = process.argv.slice(2)
const axis = axes.find(axis => axis.name === name)!
await useBackend(backend)
const config = await loadModelConfig('faces-128')
const networks = latentDiffusion(config)
const { weights, sha256 } = await loadModelWeights(config, parametersOf(networks))
const features = await loadFeatureNetwork(config.features, config.msi.featureDims)
const guide = await loadRecognizer('dlib')
const sample = await readImage(join(packageFolder('@vladmandic/face-api'), 'demo', 'sample6.jpg'))

/** The default model for faces of another size: its networks take any. */
const modelFor = (imageSize: number): FaceModel =>
  assembleModel({ config: { ...config, imageSize }, sha256, networks, weights, features })

const faceOf = async (photo: Image, imageSize: number) =>
  (await facesOfPhoto({ imageSize, alignment: 'template' }, photo, { randomness: 0 }))[0]!

async function protect(model: FaceModel, face: Image, { samples = 1, steps = 2 }): Promise<void> {
  // So many steps are taken.
  const recipe = await loadRecipe('faces-128/anonymize', [
    `samples=${samples}`,
    `steps=${steps}`,
    'strength=1',
    'attempts=1',
  ])
  const image = toTensor(face)
  tf.dispose([image, await protectFace(model, [guide], image, recipe, { randomness: 0, identity: 'growth' })])
}

const model = modelFor(config.imageSize)
// Looked for in small, or that would be what takes most memory.
const { face } = await faceOf(await resizeImage(sample, 360, 240), config.imageSize)

const works: Record<string, (value: number) => Promise<void>> = {
  async faces(count) {
    for (let i = 0; i < count; i++) await protect(model, face, {})
  },
  samples: samples => protect(model, face, { samples }),
  steps: steps => protect(model, face, { steps }),
  async side(squares) {
    const size = 64 * Math.sqrt(squares)
    await protect(modelFor(size), await resizeImage(face, size, size), {})
  },
  async photo(megapixels) {
    const scale = Math.sqrt((1e6 * megapixels) / (sample.width * sample.height))
    const photo = await resizeImage(sample, Math.round(scale * sample.width), Math.round(scale * sample.height))
    const found = await faceOf(photo, config.imageSize)
    putBack(photo, found.face, found)
  },
}

for (const value of axis.values) {
  await works[axis.name]!(value)
  const before = processorSeconds()
  await works[axis.name]!(value)
  console.log(JSON.stringify({ value, seconds: processorSeconds() - before, memory: peakMemory('self') }))
}
await releaseBackend()
