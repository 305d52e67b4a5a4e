/** Attack: a network that has learned, on pairs of other people, to undo protection. */
import { createHash } from 'node:crypto'
import * as tf from '@tensorflow/tfjs'
import { loadRecognizer } from '../../faces/recognizers.ts'
import { readImage, resizeImage } from '../../images/codec.ts'
import { bytesToTensor, type Image } from '../../images/image.ts'
import { conv2d, upsample2 } from '../../models/layers.ts'
import { define, type Module, type Weights } from '../../models/module.ts'
import { cropResize } from '../../models/recognizers/recognizer.ts'
import { adamWStart, adamWStep } from '../../train/adamw.ts'
import { batchIndices } from '../../train/batches.ts'
import { meanGradient } from '../../train/gradient.ts'
import { initialise, WeightVector } from '../../train/state.ts'
import type { TrainingTask } from '../../train/task.ts'
import { type EvalSet, placeName } from '../eval-set.ts'
import { cutFace } from '../features/compute.ts'
import { embeddingsOf } from '../features/networks.ts'
import { usualThreshold } from '../identity/accept-thresholds.ts'
import { acceptedShare } from '../intervals.ts'
import type { Metric, Score } from '../metric.ts'
import type { Definition } from '../metrics/definition.ts'
import { leastPeople } from './learned-match.ts'
import { foldsOf } from './ridge.ts'

/** Side of the faces that the network works on. */
const side = 64
const settings = { steps: 300, batch: 8, rate: 2e-3, folds: 5, seed: 0, version: 1 }
const optimizer = { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0, clipNorm: 1 }

const inversionDefinition: Definition = {
  id: 'inversion-network',
  name: 'Inversion network',
  unit: 'share, 0..1',
  text:
    'Share of the protected faces of people held out (a fifth) that a recognizer takes for the person after a network has ' +
    `undone protection: a U-net on ${side} x ${side} faces, trained on pairs of original and protected faces of the other ` +
    `people for ${settings.steps} steps of ${settings.batch} under the squared error. Beside it the share before, and the ` +
    `share of the originals themselves at ${side} x ${side}, which no such network exceeds by much.`,
  source: 'this project, after what reviewers of such methods ask for',
}

/** Three halvings, and back with what each level had: [n, 64, 64, 3] in [-1, 1] -> the same. */
export const inverter = unet()

function unet(): Module<[tf.Tensor4D], tf.Tensor4D> {
  const down = [
    conv2d('down.0', 3, 24, { stride: 2, padding: 1 }),
    conv2d('down.1', 24, 48, { stride: 2, padding: 1 }),
    conv2d('down.2', 48, 96, { stride: 2, padding: 1 }),
  ]
  const middle = conv2d('middle', 96, 96)
  const up = [conv2d('up.0', 96 + 48, 48), conv2d('up.1', 48 + 24, 24), conv2d('up.2', 24 + 3, 16)]
  const out = conv2d('out', 16, 3)
  return define([...down, middle, ...up, out], (w, x) =>
    tf.tidy(() => {
      const levels = [x]
      for (const layer of down) levels.push(tf.relu(layer(w, levels.at(-1)!)))
      let y: tf.Tensor4D = tf.relu(middle(w, levels.pop()!))
      for (const layer of up) y = tf.relu(layer(w, tf.concat([upsample2(y), levels.pop()!], 3)))
      return tf.add(x, out(w, y)) as tf.Tensor4D
    }),
  )
}

/** What the recognizers make of the people held out: cosines to the original's embedding. */
const stages = ['before', 'after', 'ceiling'] as const
const titles = {
  before: 'before the attack',
  after: 'after the attack',
  ceiling: `originals at ${side} x ${side}`,
} as const

/** Of the first sample, cut out where the original's face is. */
export const inversionNetwork: Metric = {
  name: 'inversion-network',
  group: 'attacks',
  definitions: [inversionDefinition],
  needs: embeddingsOf,
  run: async (evalSet, version) => {
    const cases = [...evalSet.cases.keys()].filter(i => evalSet.placesOf('original')[i])
    const identities = cases.map(i => evalSet.cases[i]!.identity)
    const people = new Set(identities).size
    if (people < leastPeople)
      return { values: [], notes: [`an inversion network needs ${leastPeople} people or more, there are ${people}`] }
    const fold = foldsOf(identities, settings.folds, settings.seed)
    const held = cases.filter((_, k) => fold[k] === 0)
    const train = cases.filter((_, k) => fold[k] !== 0)
    const cosines = await kept(evalSet, version, [...train, -1, ...held], () => attack(evalSet, version, train, held))
    const values: Score[] = []
    for (const [r, recognizer] of evalSet.recognizers.entries()) {
      const threshold = await usualThreshold(evalSet, recognizer, 'original')
      if (!threshold) continue
      for (const [s, stage] of stages.entries()) {
        const start = (r * stages.length + s) * held.length
        const scores = cosines.subarray(start, start + held.length)
        values.push({
          definition: inversionDefinition.id,
          version,
          of: titles[stage],
          ...acceptedShare(
            scores,
            threshold.threshold,
            held.map(i => [evalSet.cases[i]!.identity]),
          ),
          recognizer,
          role: evalSet.role(recognizer),
          alignment: 'original',
          ...threshold,
        })
      }
    }
    return { values }
  },
}

/** What an attack gave when it was made on the same pictures before. */
async function kept(
  evalSet: EvalSet,
  version: string,
  cases: readonly number[],
  work: () => Promise<Float32Array>,
): Promise<Float32Array> {
  const key = attackKey(evalSet, version, cases)
  const checksum = createHash('sha256').update(JSON.stringify(settings)).digest('hex')
  const table = await evalSet.cache.table('inversion-network', checksum)
  if (!table.has(key)) await table.add([[key, await work()]])
  return table.get(key)
}

/**
 * What an attack is kept under: the pictures and, unless these are the faces, where faces are cut out of them.
 * @param cases -1 between those that are learned from and those held out
 */
export function attackKey(evalSet: EvalSet, version: string, cases: readonly number[]): string {
  const pictures = [evalSet.originals, evalSet.pictures(version)]
  const hashes = cases.flatMap(i => pictures.map(list => list[i]?.hash ?? 'held out'))
  const places = evalSet.aligned ? [] : evalSet.placesOf('original')
  const cuts = cases.flatMap(i => (places[i] ? [placeName(places[i])] : []))
  return createHash('sha256')
    .update([...hashes, ...cuts, ...evalSet.recognizers].join('/'))
    .digest('hex')
}

/** Trains on some cases and says how alike the others are: by recognizer, stage and case. */
async function attack(
  evalSet: EvalSet,
  version: string,
  train: readonly number[],
  held: readonly number[],
): Promise<Float32Array> {
  const small: Record<keyof Pairs, Image[]> = { original: [], version: [] }
  for (const i of train) {
    const { original, version: face } = await facesAt(evalSet, version, i)
    small.original.push(await resizeImage(original, side, side))
    small.version.push(await resizeImage(face, side, side))
  }
  const weights = await trainInverter(train.length, settings.steps, async places => ({
    original: batchOf(places.map(k => small.original[k]!)),
    version: batchOf(places.map(k => small.version[k]!)),
  }))
  const cosines = new Float32Array(evalSet.recognizers.length * stages.length * held.length)
  for (const [k, i] of held.entries()) {
    const { original, version: face } = await facesAt(evalSet, version, i)
    const [smallOriginal, smallFace] = [await resizeImage(original, side, side), await resizeImage(face, side, side)]
    const shown = tf.tidy(() => {
      const large = (x: tf.Tensor4D) => cropResize(tf.clipByValue(x, -1, 1), whole, original.width)
      const restored = inverter(weights, batchOf([smallFace]))
      return tf.concat([batchOf([original]), batchOf([face]), large(restored), large(batchOf([smallOriginal]))])
    })
    for (const [r, name] of evalSet.recognizers.entries()) {
      const recognizer = await loadRecognizer(name)
      const products = tf.tidy(() => {
        const rows = recognizer.embed(shown)
        return tf.squeeze(tf.matMul(tf.slice(rows, [0, 0], [1, -1]), tf.slice(rows, [1, 0]), false, true))
      })
      for (const [s, value] of (await products.data()).entries())
        cosines[(r * stages.length + s) * held.length + k] = value
      products.dispose()
    }
    shown.dispose()
  }
  tf.dispose(weights)
  return cosines
}

const whole = { left: 0, top: 0, right: 1, bottom: 1 }

/** Original and protected faces, [n, 64, 64, 3] each. */
export type Pairs = Record<'original' | 'version', tf.Tensor4D>

/**
 * Trains the inverter from the identity on.
 * @param count how many pairs there are
 * @param batch pairs by their numbers, which are disposed of
 */
export async function trainInverter(
  count: number,
  steps: number,
  batch: (places: number[]) => Promise<Pairs>,
): Promise<Weights> {
  const task: TrainingTask<Pairs> = {
    name: 'inversion network',
    parameters: inverter.parameters,
    batch: step => batch(batchIndices(step, settings.batch, count, settings.seed)),
    loss: (weights, { original, version }) => ({
      loss: tf.mean(tf.square(tf.sub(inverter(weights, version), original))) as tf.Scalar,
      parts: {},
    }),
  }
  // A last layer of zeros: the network begins as the identity.
  const start = initialise(inverter.parameters, settings.seed, /^out\./)
  const vector = new WeightVector(inverter.parameters)
  let weights = vector.join(start)
  tf.dispose(start)
  let state = adamWStart(vector.length)
  const decay = vector.decayMask()
  for (let step = 0; step < steps; step++) {
    const pairs = await task.batch(step)
    const named = vector.split(weights)
    const { loss, gradient } = meanGradient(task, vector, named, [pairs], step)
    const rate = settings.rate * (1 - step / steps)
    const next = adamWStep(weights, gradient, state, { ...optimizer, learningRate: rate, decayMask: decay })
    tf.dispose([
      pairs,
      named,
      loss,
      gradient,
      weights,
      state.first,
      state.second,
      next.gradientNorm,
    ] as tf.TensorContainer)
    weights = next.weights
    state = next.state
  }
  const result = vector.split(weights)
  tf.dispose([weights, state.first, state.second, decay])
  return result
}

/** Pictures of one size, [n, h, w, 3] in [-1, 1]. */
function batchOf(images: readonly Image[]): tf.Tensor4D {
  const { width, height } = images[0]!
  return bytesToTensor(Buffer.concat(images.map(({ data }) => data)), [images.length, height, width, 3])
}

/** The aligned face of a case and its version. */
async function facesAt(evalSet: EvalSet, version: string, i: number): Promise<Record<keyof Pairs, Image>> {
  const place = evalSet.placesOf('original')[i]!
  const cut = async ({ path }: { path: string }) => cutFace(await readImage(path), place)
  return { original: await cut(evalSet.originals[i]!), version: await cut(evalSet.pictures(version)[i]!) }
}
