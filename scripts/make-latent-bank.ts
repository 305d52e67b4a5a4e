/**
 * Makes assets/latent-bank.safetensors, the faces in which inversion starts: `npx tsx scripts/make-latent-bank.ts [count]`.
 * Each is generated at 128 pixels from one truncated style, and described as photos will be. Faces behind hair, hats or hands
 * are left out, since they would be pasted onto bare ones, and those that perhaps wear glasses. Descriptors are stored by their
 * principal components.
 */
import * as tf from '@tensorflow/tfjs'
import { EigenvalueDecomposition, Matrix } from 'ml-matrix'
import { useBackend } from '../src/backend/index.ts'
import { normal } from '../src/data/random.ts'
import { facialAttributes } from '../src/faces/facial-attributes.ts'
import { loadGenerator } from '../src/faces/generator.ts'
import {
  describeFaces,
  isBareFace,
  latentBankPath,
  loadFaceDescriber,
  projectDescriptors,
} from '../src/faces/latent-bank.ts'
import { progress } from '../src/util/progress.ts'
import { writeSafetensors } from '../src/weights/safetensors.ts'

const count = Number(process.argv[2] ?? 12_000)
/** Faces at once, and how far styles are from their mean, as a share of what the mapping network gives. */
const [batch, truncation] = [8, 0.8]
/** Principal components that are stored. */
const componentCount = 128
/** Log-odds of glasses between which a face is left out, and those of hats and bangs above which it is. */
const doubtful = { glasses: [-2.5, 0.5], hat: -1, bangs: -0.5 } as const

await useBackend('tensorflow')
const [generator, describer] = [await loadGenerator(), await loadFaceDescriber()]
const meanStyle = tf.tidy(() => tf.mean(generator.mapped(normal([10_000, 512], 1, 'mean') as tf.Tensor2D), 0))
const [latents, descriptors]: [Float32Array[], Float32Array[]] = [[], []]
const bar = progress('generating', count)
for (let first = 0; first < count; first += batch) {
  const made = tf.tidy(() => {
    const full = generator.mapped(normal([batch, 512], 2, 'latent bank', first) as tf.Tensor2D)
    const styles = tf.add(meanStyle, tf.mul(tf.sub(full, meanStyle), truncation))
    const faces = generator.synthesize(tf.tile(tf.expandDims(styles, 1), [1, 16, 1]) as tf.Tensor3D, 128)
    const shown = tf.clipByValue(faces, -1, 1) as tf.Tensor4D
    return [generator.toLatents(styles), describeFaces(describer, shown), describer.attributes(shown)] as const
  })
  const [styles, described, logOdds] = await Promise.all(made.map(rows => rows.data()))
  for (let i = 0; i < batch; i++) {
    const row = (values: typeof styles) => Float32Array.from(values!.slice((i * values!.length) / batch, ((i + 1) * values!.length) / batch)) // biome-ignore format: one line
    const [glasses, hat, bangs] = facialAttributes.map((_, k) => row(logOdds)[k]!) as [number, number, number]
    const [low, high] = doubtful.glasses
    const isDoubtful = (glasses > low && glasses < high) || hat > doubtful.hat || bangs > doubtful.bangs
    if (isDoubtful || !isBareFace(row(described))) continue
    latents.push(row(styles))
    descriptors.push(row(described))
  }
  tf.dispose([...made])
  bar.update(first + batch)
}
bar.stop()
const stacked = (rows: readonly Float32Array[]) => tf.tensor2d(Float32Array.from(rows.flatMap(row => [...row])), [rows.length, rows[0]!.length]) // biome-ignore format: one line
const all = stacked(descriptors)
const mean = tf.mean(all, 0) as tf.Tensor1D
const centred = tf.sub(all, mean) as tf.Tensor2D
const covariance = tf.div(tf.matMul(centred, centred, true), all.shape[0]) as tf.Tensor2D
// Eigenvalues come in rising order.
const { eigenvectorMatrix, realEigenvalues } = new EigenvalueDecomposition(new Matrix(await covariance.array()), {
  assumeSymmetric: true,
})
const vectors = eigenvectorMatrix.transpose().to2DArray().reverse()
const components = tf.tensor2d(vectors.slice(0, componentCount))
const total = realEigenvalues.reduce((sum, value) => sum + value, 0)
const explained = realEigenvalues.slice(-componentCount).reduce((sum, value) => sum + value, 0)
const stored = {
  latents: stacked(latents),
  descriptors: projectDescriptors({ mean, components }, all),
  mean,
  components,
}
await writeSafetensors(
  latentBankPath(),
  new Map(Object.entries(stored).map(([name, x]) => [name, { shape: x.shape, data: x.dataSync() as Float32Array }])),
  { source: 'assets/generator.safetensors', truncation: String(truncation) },
  { dtype: 'F16' },
)
console.log(
  `${latents.length} of ${count} faces; ${((100 * explained) / total).toFixed(1)} % of the descriptors' variance`,
)
