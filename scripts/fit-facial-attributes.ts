/**
 * Fits assets/facial-attributes.safetensors to labels that were given by eye, scripts/facial-attributes.json, and prints how
 * well pictures left out of the fit are told (8 folds):
 *   npx diff-privacy dataset generate --count 640 --seed 5 --size 128 --out runs/generated/5
 *   npx tsx scripts/fit-facial-attributes.ts runs/generated/5 UTKFACE_FOLDER
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { useBackend } from '../src/backend/index.ts'
import { FaceStore } from '../src/data/face-store.ts'
import { alignFfhq } from '../src/faces/alignment.ts'
import { detectFaces } from '../src/faces/detect.ts'
import {
  attributeFeatures,
  type FacialAttribute,
  facialAttributes,
  facialAttributesPath,
} from '../src/faces/facial-attributes.ts'
import { readImage } from '../src/images/codec.ts'
import { toTensor } from '../src/images/image.ts'
import { repositoryPath } from '../src/util/paths.ts'
import { textTable } from '../src/util/text-table.ts'
import { writeSafetensors } from '../src/weights/write-safetensors.ts'
import { logisticRegression } from './logistic-regression.ts'

/** By attribute: the pictures that have it, and those of which the eye is not sure, which are left out. */
type Labels<Picture> = Partial<
  Record<FacialAttribute, { readonly yes: readonly Picture[]; readonly unsure: readonly Picture[] }>
>
interface LabelFile {
  readonly generated: { readonly pictures: number; readonly attributes: Labels<number> }
  readonly utkface: { readonly pictures: readonly string[]; readonly attributes: Labels<string> }
}

const folds = 8
const size = 128

const [generatedFolder = '', utkfaceFolder = ''] = process.argv.slice(2)
await useBackend('tensorflow')
const { generated, utkface } = JSON.parse(
  readFileSync(repositoryPath('scripts/facial-attributes.json'), 'utf8'),
) as LabelFile

/** Features of an attribute of pictures [n, d] and whether each has it. */
interface Labelled {
  readonly features: number[][]
  readonly truth: number[]
}

async function generatedFaces(): Promise<tf.Tensor4D> {
  const store = await FaceStore.open(generatedFolder)
  const faces = await store.faces(Array.from({ length: generated.pictures }, (_, i) => i))
  await store.close()
  return faces
}

/** The largest face of each picture; undefined where none is found. */
async function photographedFaces(): Promise<(tf.Tensor4D | undefined)[]> {
  const faces: (tf.Tensor4D | undefined)[] = []
  for (const name of utkface.pictures) {
    const photo = await readImage(join(utkfaceFolder, name))
    const [largest] = (await detectFaces(photo)).sort((p, q) => q.box.width - p.box.width)
    faces.push(largest && toTensor(alignFfhq(photo, largest.landmarks, size).face))
  }
  return faces
}

async function labelled<Picture>(
  faces: tf.Tensor4D,
  pictures: readonly Picture[],
  labels: Labels<Picture>,
  attribute: FacialAttribute,
): Promise<Labelled> {
  const named = labels[attribute]
  if (!named) return { features: [], truth: [] }
  const features = attributeFeatures(faces, attribute)
  const rows = (await features.array()) as number[][]
  features.dispose()
  const sure = pictures.flatMap((picture, i) => (named.unsure.includes(picture) ? [] : [i]))
  return {
    features: sure.map(i => rows[i]!),
    truth: sure.map(i => Number(named.yes.includes(pictures[i]!))),
  }
}

const settings = { decay: 3e-4, iterations: 400, rate: 0.05 }

/** Log-odds of the second of two classes over the first. */
function regress({ features, truth }: Labelled) {
  const model = logisticRegression(features, truth, 2, settings)
  const difference = (values: Float32Array) =>
    Float32Array.from({ length: values.length / 2 }, (_, i) => values[2 * i + 1]! - values[2 * i]!)
  return { weights: difference(model.weights), bias: difference(model.bias)[0]! }
}

/** Area under the ROC curve, and recall and precision where the log-odds are positive. */
function accuracy(scores: readonly number[], truth: readonly number[]): string[] {
  const [positive, negative] = [1, 0].map(label => scores.filter((_, i) => truth[i] === label)) as [number[], number[]]
  const wins = positive.reduce((sum, p) => sum + negative.filter(q => q < p).length, 0)
  const [hits, alarms] = [positive, negative].map(list => list.filter(score => score > 0).length) as [number, number]
  return [
    (wins / positive.length / negative.length).toFixed(3),
    (hits / positive.length).toFixed(2),
    (hits / (hits + alarms)).toFixed(2),
  ]
}

const [drawn, found] = [await generatedFaces(), await photographedFaces()]
const places = found.flatMap((face, i) => (face ? [i] : []))
const photographed = tf.concat(places.map(i => found[i]!)) as tf.Tensor4D
const tensors = new Map<string, { shape: number[]; data: Float32Array }>()
const rows: string[][] = [['attribute', 'pictures', 'labelled', 'AUC', 'recall', 'precision']]
for (const attribute of facialAttributes) {
  const numbers = Array.from({ length: generated.pictures }, (_, i) => i)
  const names = places.map(i => utkface.pictures[i]!)
  const sets = {
    generated: await labelled(drawn, numbers, generated.attributes, attribute),
    utkface: await labelled(photographed, names, utkface.attributes, attribute),
  }
  const all: Labelled = {
    features: Object.values(sets).flatMap(set => set.features),
    truth: Object.values(sets).flatMap(set => set.truth),
  }
  const part = (kept: (i: number) => boolean): Labelled => ({
    features: all.features.filter((_, i) => kept(i)),
    truth: all.truth.filter((_, i) => kept(i)),
  })
  const scores: number[] = Array(all.truth.length).fill(0)
  for (let fold = 0; fold < folds; fold++) {
    const { weights, bias } = regress(part(i => i % folds !== fold))
    for (let i = fold; i < scores.length; i += folds)
      scores[i] = all.features[i]!.reduce((sum, value, k) => sum + value * weights[k]!, bias)
  }
  let first = 0
  for (const [name, { truth }] of Object.entries(sets)) {
    if (truth.length === 0) continue
    const own = scores.slice(first, first + truth.length)
    rows.push([attribute, name, `${truth.filter(Boolean).length} of ${truth.length}`, ...accuracy(own, truth)])
    first += truth.length
  }
  const { weights, bias } = regress(all)
  tensors.set(`${attribute}.weight`, { shape: [weights.length], data: weights })
  tensors.set(`${attribute}.bias`, { shape: [1], data: Float32Array.of(bias) })
}
await writeSafetensors(facialAttributesPath(), tensors, { source: 'scripts/facial-attributes.json' }, { dtype: 'F16' })
console.log(textTable(rows, column => column > 1).join('\n'))
