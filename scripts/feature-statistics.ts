/**
 * Mean and standard deviation of each channel of a model's features, by which they are standardised:
 *   npx tsx scripts/feature-statistics.ts MODEL OUT.safetensors FACES...
 */
import * as tf from '@tensorflow/tfjs'
import { useBackend } from '../src/backend/index.ts'
import { loadModelConfig } from '../src/config/model.ts'
import { FaceStore } from '../src/data/face-store.ts'
import { loadFeatureNetwork } from '../src/faces/features.ts'
import { writeSafetensors } from '../src/weights/write-safetensors.ts'

const mostFaces = 512
const batchSize = 16
/** Least deviation, relative to the mean of its depth: what hardly varies is not blown up. */
const floor = 0.05

const [name = 'faces-1024', out = '', ...folders] = process.argv.slice(2)
await useBackend('auto')
const { features: config, msi } = await loadModelConfig(name)
const network = await loadFeatureNetwork({ ...config, statistics: undefined }, msi.featureDims)
const store = await FaceStore.open(...folders)
const count = Math.floor(Math.min(store.count, mostFaces) / batchSize) * batchSize
// Sums of means and mean squares over the tokens of a batch.
let sums: tf.Tensor1D[][] = msi.featureDims.map(width => [tf.zeros([width]), tf.zeros([width])])
for (let first = 0; first < count; first += batchSize) {
  const faces = await store.faces(
    Array.from({ length: batchSize }, (_, i) => Math.floor(((first + i) * store.count) / count)),
  )
  const next = tf.tidy(() =>
    network
      .features(faces)
      .features.map((x, k) => [x, tf.square(x)].map((v, i) => tf.add(sums[k]![i]!, tf.mean(v, [0, 1])) as tf.Tensor1D)),
  )
  tf.dispose([faces, ...sums.flat()])
  sums = next
}
await store.close()
const tensors = new Map<string, { shape: number[]; data: Float32Array }>()
for (const [k, width] of msi.featureDims.entries()) {
  const [mean, square] = sums[k]!.map(sum => Array.from(sum.dataSync(), value => value / (count / batchSize)))
  const deviations = square!.map((value, i) => Math.sqrt(Math.max(0, value - mean![i]! ** 2)))
  const least = (floor * deviations.reduce((a, b) => a + b)) / width
  tensors.set(`features.${k}.mean`, { shape: [width], data: Float32Array.from(mean!) })
  tensors.set(`features.${k}.deviation`, {
    shape: [width],
    data: Float32Array.from(deviations, d => Math.max(d, least)),
  })
}
await writeSafetensors(out, tensors, { faces: `${count}` })
