/**
 * Makes assets/latent-bank.safetensors, the faces in which inversion starts: `npx tsx scripts/make-latent-bank.ts [count]`.
 * Each is generated at 128 pixels from one truncated style, and described as photos will be. Further ones are drawn around the mean
 * style of those whom the generator draws rarely: of apparent ethnicities, and older people without glasses. Faces behind hair, hats or hands are left out, since
 * they would be pasted onto bare ones, and those that perhaps wear glasses. Descriptors are stored by their principal components.
 */
import * as tf from '@tensorflow/tfjs'
import { EigenvalueDecomposition, Matrix } from 'ml-matrix'
import { useBackend } from '../src/backend/index.ts'
import { facialAttributes } from '../src/faces/facial-attributes.ts'
import { loadGenerator } from '../src/faces/generator.ts'
import {
  describeFaces,
  ethnicities,
  isBareFace,
  latentBankPath,
  loadFaceDescriber,
  projectDescriptors,
  readAges,
} from '../src/faces/latent-bank.ts'
import { progress } from '../src/util/progress.ts'
import { normal } from '../src/util/random.ts'
import { writeSafetensors } from '../src/weights/write-safetensors.ts'

const count = Number(process.argv[2] ?? 3600)
/** Faces at once, and how far styles are from their mean, as a share of what the mapping network gives. */
const [batch, truncation] = [8, 0.8]
/** Principal components that are stored. */
const componentCount = 128
/** Log-odds of glasses between which a face is left out, and those of hats and bangs above which it is. */
const doubtful = { glasses: [-2.5, 0.5], hat: -1, bangs: -0.5 } as const
/**
 * Rounds of further faces of each group that is rare, and how many each draws: around the mean style of those found before.
 */
const [rounds, roundSize] = [4, 320]

/** A face of the bank. */
interface Entry {
  /** [512] in W space, and in P_N space. */
  readonly style: Float32Array
  readonly latent: Float32Array
  /** [936] */
  readonly descriptor: Float32Array
  /** [5] */
  readonly ethnicity: Float32Array
  /** In years, and the log-odds of a male face and of glasses. */
  readonly age: number
  readonly male: number
  readonly glasses: number
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
        ...agesOf(faces),
      ] as const
    })
    const values = (await Promise.all(made.map(rows => rows.data()))) as Float32Array[]
    tf.dispose([...made])
    for (let i = 0; i < batch; i++) {
      const row = (x: Float32Array) => x.slice((i * x.length) / batch, ((i + 1) * x.length) / batch)
      const [style, latent, descriptor, logOdds, ethnicity, [age], [male]] = values.map(row) as [
        Float32Array,
        Float32Array,
        Float32Array,
        Float32Array,
        Float32Array,
        Float32Array,
        Float32Array,
      ]
      const isBare = isClear(logOdds) && isBareFace(descriptor)
      const glasses = logOdds[facialAttributes.indexOf('glasses')]!
      entries.push({ style, latent, descriptor, ethnicity, age: age!, male: male!, glasses, isBare })
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

/** Ages and log-odds of male faces, [n] each. */
function agesOf(faces: tf.Tensor4D): [tf.Tensor1D, tf.Tensor1D] {
  const { age, maleLogOdds } = readAges(describer, faces)
  return [age, maleLogOdds]
}

/** A group of faces that are rare, by what makes a face one of it. */
type Groups = Readonly<Record<string, (face: Entry) => boolean>>

/** All but the first ethnicity, which is not rare, and 'other', which is no one look. */
const origins: Groups = Object.fromEntries(
  ethnicities
    .map((name, k) => [name, ({ ethnicity }: Entry) => ethnicity[k]! > 0.5] as const)
    .filter(([name], k) => k > 0 && name !== 'other'),
)
/** Older people, of whom the generator draws few, and most of those with glasses. */
const older: Groups = {
  'an older woman': ({ age, male, glasses }) => age > 52 && male < -0.5 && glasses < doubtful.glasses[0],
  'an older man': ({ age, male, glasses }) => age > 58 && male > 0.5 && glasses < doubtful.glasses[0],
}

const drawn = await draw(count, 'latent bank')
const entries = drawn.filter(({ isBare }) => isBare)
for (const [name, isOne] of Object.entries({ ...origins, ...older })) {
  const found = drawn.filter(isOne)
  console.log(`${found.length} of ${count} look ${name}`)
  for (let round = 0; round < rounds && found.length > 0; round++) {
    const shift = tf.tidy(() => tf.sub(tf.mean(tf.stack(found.map(({ style }) => style)), 0), meanStyle))
    const around = await draw(roundSize, `latent bank, ${name}, ${round}`, shift)
    shift.dispose()
    const alike = around.filter(isOne)
    found.push(...alike)
    entries.push(...alike.filter(({ isBare }) => isBare))
    console.log(`${alike.length} of ${around.length} drawn around their mean look so`)
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
