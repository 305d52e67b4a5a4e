/**
 * Whether a denoiser reads its context: its loss on held-out faces by noise level, with the context of each face, with that of
 * another one, and without.
 *   npx tsx scripts/denoiser-loss.ts MODEL FACES DIFFUSION_RUN [MSI_RUN]
 * FACES are a store that was not trained on. The loss is the squared error of velocity, of all channels alike and of channels as
 * styles vary along them; 1 is that of the exact denoiser of N(0, I) on such latents. With an MSI run the context is that of MSI, otherwise that of the identity projection.
 */
import * as tf from '@tensorflow/tfjs'
import { useBackend } from '../src/backend/index.ts'
import { loadModelConfig } from '../src/config/model.ts'
import { FaceStore } from '../src/data/face-store.ts'
import { bucketOf, noiseSchedule } from '../src/diffusion/schedule.ts'
import { loadFeatureNetwork } from '../src/faces/features.ts'
import { scaledLatents } from '../src/models/autoencoder.ts'
import {
  conditionalEmbedding,
  latentDiffusion,
  parametersOf,
  prefixes,
  unconditionalEmbedding,
} from '../src/models/latent-diffusion.ts'
import { linear } from '../src/models/layers.ts'
import { withoutPrefix, withPrefix } from '../src/models/module.ts'
import { BUCKETS } from '../src/models/msi.ts'
import { loadNetworkWeights } from '../src/pipeline/model-weights.ts'
import { loadAverage } from '../src/train/checkpoint.ts'
import { lastCheckpoint } from '../src/train/keep.ts'
import { lossWeight, noisePredictionLoss } from '../src/train/tasks/diffusion.ts'
import { RandomStream } from '../src/util/random.ts'
import { textTable } from '../src/util/text-table.ts'

const bins = 5
const batchSize = 16
const mostFaces = 256

const [name = 'faces-1024', folder = '', run = '', msiRun] = process.argv.slice(2)
await useBackend('auto')
const model = await loadModelConfig(name)
const networks = latentDiffusion(model)
const { autoencoder, unet, text, msi } = networks
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

const ofAutoencoder = await loadNetworkWeights(model, 'autoencoder', parametersOf(networks).autoencoder)
const { fromGenerated } = scaledLatents(autoencoder, ofAutoencoder, model.scaleFactor)

const { channelVariances, rowGroups } = autoencoder
const variances = channelVariances?.(ofAutoencoder)
/** Channels as they are seen. */
const channelWeights = variances && (tf.div(variances, tf.mean(variances)) as tf.Tensor1D)

const contexts = ['its own', "another's", 'none'] as const
const losses = Array.from({ length: bins }, () => contexts.flatMap(() => [0, 0]))
const count = Math.floor(Math.min(store.count, mostFaces) / batchSize) * batchSize
const batches = Array.from({ length: count / batchSize }, (_, k) =>
  Array.from({ length: batchSize }, (_, i) => k * batchSize + i),
)
const embeddings = await embeddingsOf(batches)
for (const [k, indices] of batches.entries()) {
  const [faces, raw] = [await store.faces(indices), await store.latents(indices)]
  const features = ofMsi ? network.features(faces).features : []
  const embedding = tf.slice(embeddings, [k * batchSize, 0], [batchSize, -1])
  for (let bin = 0; bin < bins; bin++) {
    // With MSI a batch shares a bucket, as in its training.
    const random = new RandomStream(1, 'timesteps', k, bin)
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
      const latents = fromGenerated(raw)
      const weight = (t: number) => lossWeight(schedule, t, undefined, 'velocity')
      return [undefined, channelWeights].flatMap(channelWeights =>
        [own, others, none].map(context =>
          noisePredictionLoss(
            unet,
            ofUnet!,
            schedule,
            { latents, timesteps, context },
            { seed: 2, step: k * bins + bin, weight, rowGroups, channelWeights },
          ),
        ),
      )
    })
    for (const [i, value] of values.entries()) losses[bin]![i]! += (await value.data())[0]! / batches.length
    tf.dispose(values)
  }
  tf.dispose([faces, raw, embedding, features])
}
const rows = losses.map((row, bin) => [
  `${(bin * schedule.steps) / bins} to ${((bin + 1) * schedule.steps) / bins}`,
  ...row.map(value => value.toFixed(4)),
])
console.log(`${count} faces of ${folder}, context ${msiRun ? 'of MSI' : 'of the identity projection'}`)
const head = ['timesteps', ...contexts, ...contexts.map(context => `${context}, as seen`)]
console.log(textTable([head, ...rows], column => column > 0).join('\n'))
await store.close()

/** Identity embeddings of all faces, standardised, [count, e]. */
async function embeddingsOf(batches: readonly number[][]): Promise<tf.Tensor2D> {
  const parts: tf.Tensor2D[] = []
  for (const indices of batches) {
    const faces = await store.faces(indices)
    const { embedding, features } = network.features(faces)
    parts.push(embedding)
    tf.dispose([faces, features])
  }
  return tf.tidy(() => {
    const all = tf.concat(parts) as tf.Tensor2D
    const { mean, variance } = tf.moments(all, 0)
    return tf.div(tf.sub(all, mean), tf.sqrt(variance))
  })
}
