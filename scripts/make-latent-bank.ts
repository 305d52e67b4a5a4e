/**
 * Makes assets/latent-bank.safetensors, the faces in which inversion starts: `npx tsx scripts/make-latent-bank.ts [count]`.
 * Each is generated at 128 pixels from one truncated style, and described as photos will be. Further ones are drawn around the mean
 * style of those apparent ethnicities that the generator draws rarely. Faces behind hair, hats or hands are left out, since
 * they would be pasted onto bare ones, and those that perhaps wear glasses. Descriptors are stored by their principal components.
 */
import * as tf from '@tensorflow/tfjs'
import { EigenvalueDecomposition, Matrix } from 'ml-matrix'
import { useBackend } from '../src/backend/index.ts'
import { ethnicities } from '../src/faces/apparent-ethnicity.ts'
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
import { normal } from '../src/util/random.ts'
import { writeSafetensors } from '../src/weights/safetensors.ts'

const count = Number(process.argv[2] ?? 3600)
/** Faces at once, and how far styles are from their mean, as a share of what the mapping network gives. */
const [batch, truncation] = [8, 0.8]
/** Principal components that are stored. */
const componentCount = 128
/** Log-odds of glasses between which a face is left out, and those of hats and bangs above which it is. */
const doubtful = { glasses: [-2.5, 0.5], hat: -1, bangs: -0.5 } as const
/**
 * Rounds of further faces of each ethnicity but the first, which is not rare, and how many each draws: around the mean style of those
 * found before.
 */
const [rounds, roundSize] = [4, 320]
/** Probability of an ethnicity from which a face counts for its mean, or is kept among those drawn around it. */
const likely = 0.5

/** A face of the bank. */
interface Entry {
  /** [512] in W space, and in P_N space. */
  readonly style: Float32Array
  readonly latent: Float32Array
  /** [936] */
  readonly descriptor: Float32Array
  /** [5] */
  readonly ethnicity: Float32Array
  readonly isBare: boolean
}

await useBackend('tensorflow')
const [generator, describer] = [await loadGenerator(), await loadFaceDescriber()]
const meanStyle = tf.tidy(() => tf.mean(generator.mapped(normal([10_000, 512], 1, 'mean') as tf.Tensor2D), 0))

/** Faces of truncated styles, moved by `shift` [512] in W space. */
async function draw(count: number, purpose: string, shift: tf.Tensor = tf.zeros([512])): Promise<Entry[]> {
  const entries: Entry[] = []
  const bar = progress(`generating (${purpose})`, count)
  for (let first = 0; first < count; first += batch) {
    const made = tf.tidy(() => {
      const full = generator.mapped(normal([batch, 512], 2, purpose, first) as tf.Tensor2D)
      const styles = tf.add(tf.add(meanStyle, shift), tf.mul(tf.sub(full, meanStyle), truncation)) as tf.Tensor2D
      const rows = tf.tile(tf.expandDims(styles, 1), [1, 16, 1]) as tf.Tensor3D
      const faces = tf.clipByValue(generator.synthesize(rows, 128), -1, 1) as tf.Tensor4D
      return [
        styles,
        generator.toLatents(styles),
        describeFaces(describer, faces),
        describer.attributes(faces),
        describer.ethnicity(faces),
      ] as const
    })
    const values = (await Promise.all(made.map(rows => rows.data()))) as Float32Array[]
    tf.dispose([...made])
    for (let i = 0; i < batch; i++) {
      const row = (x: Float32Array) => x.slice((i * x.length) / batch, ((i + 1) * x.length) / batch)
      const [style, latent, descriptor, logOdds, ethnicity] = values.map(row) as [
        Float32Array,
        Float32Array,
        Float32Array,
        Float32Array,
        Float32Array,
      ]
      entries.push({ style, latent, descriptor, ethnicity, isBare: isClear(logOdds) && isBareFace(descriptor) })
    }
    bar.update(first + batch)
  }
  bar.stop()
  return entries
}

/** Whether neither hat nor bangs cover a face, and glasses are there or not. */
function isClear(logOdds: Float32Array): boolean {
  const of = (name: (typeof facialAttributes)[number]) => logOdds[facialAttributes.indexOf(name)]!
  const [low, high] = doubtful.glasses
  const hasDoubtfulGlasses = of('glasses') > low && of('glasses') < high
  return !hasDoubtfulGlasses && of('hat') < doubtful.hat && of('bangs') < doubtful.bangs
}

const drawn = await draw(count, 'latent bank')
const entries = drawn.filter(({ isBare }) => isBare)
for (const [k, name] of ethnicities.entries()) {
  const likelyOnes = drawn.filter(({ ethnicity }) => ethnicity[k]! > likely)
  console.log(`${likelyOnes.length} of ${count} look ${name}`)
  if (k === 0 || name === 'other' || likelyOnes.length === 0) continue
  const found = [...likelyOnes]
  for (let round = 0; round < rounds; round++) {
    const shift = tf.tidy(() => tf.sub(tf.mean(tf.stack(found.map(({ style }) => style)), 0), meanStyle))
    const around = await draw(roundSize, `latent bank, ${name}, ${round}`, shift)
    shift.dispose()
    const likelyAround = around.filter(({ ethnicity }) => ethnicity[k]! > likely)
    found.push(...likelyAround)
    entries.push(...likelyAround.filter(({ isBare }) => isBare))
    console.log(`${likelyAround.length} of ${around.length} drawn around their mean look so`)
  }
}

const stacked = (rows: readonly Float32Array[]) => tf.stack([...rows]) as tf.Tensor2D
const all = stacked(entries.map(({ descriptor }) => descriptor))
const mean = tf.mean(all, 0) as tf.Tensor1D
const centred = tf.sub(all, mean) as tf.Tensor2D
const covariance = tf.div(tf.matMul(centred, centred, true), all.shape[0]) as tf.Tensor2D
// Eigenvalues come in rising order.
const { eigenvectorMatrix, realEigenvalues } = new EigenvalueDecomposition(new Matrix(await covariance.array()), {
  assumeSymmetric: true,
})
const components = tf.tensor2d(eigenvectorMatrix.transpose().to2DArray().reverse().slice(0, componentCount))
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)
const explained = sum(realEigenvalues.slice(-componentCount)) / sum(realEigenvalues)
const stored = {
  latents: stacked(entries.map(({ latent }) => latent)),
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
console.log(`${entries.length} faces; components hold ${(100 * explained).toFixed(1)} % of the descriptors' variance`)
