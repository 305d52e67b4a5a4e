/**
 * Whether a denoiser reads its context: its loss on held-out faces by noise level, with the context of each face, with that of
 * another one, and without.
 *   npx tsx scripts/denoiser-loss.ts MODEL FACES DIFFUSION_RUN [MSI_RUN]
 * FACES are a store that was not trained on. The loss is the squared error of velocity; 1 is that of the exact denoiser of
 * N(0, I) on such latents. With an MSI run the context is that of MSI, otherwise that of the identity projection.
 */
import * as tf from '@tensorflow/tfjs'
import { useBackend } from '../src/backend/index.ts'
import { loadModelConfig } from '../src/config/model.ts'
import { FaceStore } from '../src/data/face-store.ts'
import { RandomStream } from '../src/data/random.ts'
import { bucketOf } from '../src/diffusion/embedding-schedule.ts'
import { noiseSchedule } from '../src/diffusion/schedule.ts'
import { loadFeatureNetwork } from '../src/faces/features.ts'
import {
  conditionalEmbedding,
  latentDiffusion,
  prefixes,
  unconditionalEmbedding,
  withoutPrefix,
  withPrefix,
} from '../src/models/latent-diffusion.ts'
import { linear } from '../src/models/layers.ts'
import { BUCKETS } from '../src/models/msi.ts'
import { textTable } from '../src/text-table.ts'
import { loadAverage } from '../src/train/checkpoint.ts'
import { lossWeight, noisePredictionLoss } from '../src/train/diffusion.ts'
import { lastCheckpoint } from '../src/train/keep.ts'

const bins = 5
const batchSize = 16
const mostFaces = 256

const [name = 'faces-1024', folder = '', run = '', msiRun] = process.argv.slice(2)
await useBackend('auto')
const model = await loadModelConfig(name)
const { unet, text, msi } = latentDiffusion(model)
const schedule = noiseSchedule(model.schedule)
const network = await loadFeatureNetwork(model.features, model.msi.featureDims)
const store = await FaceStore.open(folder)
const embeddingWidth = tf.tidy(
  () => network.features(tf.zeros([1, model.imageSize, model.imageSize, 3])).embedding.shape[1],
)
const project = linear('identity_projection', embeddingWidth, model.text.width)
const weights = await loadAverage(lastCheckpoint(run), {
  ...withPrefix(unet.parameters, prefixes.unet),
  ...withPrefix(text.parameters, prefixes.text),
  ...project.parameters,
})
const [ofUnet, ofText] = [prefixes.unet, prefixes.text].map(prefix => withoutPrefix(weights, prefix))
const ofMsi = msiRun ? await loadAverage(lastCheckpoint(msiRun), msi.parameters) : undefined

const contexts = ['its own', "another's", 'none'] as const
const losses = Array.from({ length: bins }, () => contexts.map(() => 0))
const count = Math.floor(Math.min(store.count, mostFaces) / batchSize) * batchSize
for (let first = 0; first < count; first += batchSize) {
  const indices = Array.from({ length: batchSize }, (_, i) => first + i)
  const [faces, raw] = [await store.faces(indices), await store.latents(indices)]
  const { embedding, features } = network.features(faces)
  for (let bin = 0; bin < bins; bin++) {
    // With MSI a batch shares a bucket, as in its training.
    const random = new RandomStream(1, 'timesteps', first, bin)
    const [from, to] = [bin, bin + 1].map(i => (i * schedule.steps) / bins) as [number, number]
    const start = ofMsi ? from + random.integer(BUCKETS / bins) * (schedule.steps / BUCKETS) : from
    const width = ofMsi ? schedule.steps / BUCKETS : to - from
    const timesteps = indices.map(() => Math.floor(start + random.integer(width)))
    const values = tf.tidy(() => {
      const vectors = ofMsi
        ? msi(ofMsi, features, bucketOf(timesteps[0]!, BUCKETS, schedule.steps))
        : project(weights, embedding)
      const own = conditionalEmbedding(text, ofText!, model.prompt, vectors as tf.Tensor2D)
      const others = tf.concat([tf.slice(own, [1], [batchSize - 1]), tf.slice(own, [0], [1])]) as tf.Tensor3D
      const none = tf.tile(unconditionalEmbedding(text, ofText!, model.prompt), [batchSize, 1, 1])
      const latents = tf.mul(raw, model.scaleFactor) as tf.Tensor4D
      return [own, others, none].map(context => {
        const weight = (t: number) => lossWeight(schedule, t, undefined, 'velocity')
        return noisePredictionLoss(unet, ofUnet!, schedule, latents, timesteps, context, 2, first * bins + bin, weight)
      })
    })
    for (const [k, value] of values.entries()) losses[bin]![k]! += ((await value.data())[0]! * batchSize) / count
    tf.dispose(values)
  }
  tf.dispose([faces, raw, embedding, features])
}
const rows = losses.map((row, bin) => [
  `${(bin * schedule.steps) / bins} to ${((bin + 1) * schedule.steps) / bins}`,
  ...row.map(value => value.toFixed(4)),
])
console.log(`${count} faces of ${folder}, context ${msiRun ? 'of MSI' : 'of the identity projection'}`)
console.log(textTable([['timesteps', ...contexts], ...rows], column => column > 0).join('\n'))
await store.close()
