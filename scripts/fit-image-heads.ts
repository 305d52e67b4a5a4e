/**
 * Fits the generator's image heads of 128 and 256 pixels, which the published network lacks, and writes them into
 * assets/generator.safetensors: `npx tsx scripts/fit-image-heads.ts [faces] [steps]`.
 *
 * A head is to make of the features of its block what the rest of the network makes of them at 1024 pixels, averaged over
 * areas. The later blocks run on squares cut out of the features, several for each face and each under styles of its own.
 */
import * as tf from '@tensorflow/tfjs'
import { Matrix, solve } from 'ml-matrix'
import { useBackend } from '../src/backend/index.ts'
import { generatorPath } from '../src/faces/generator.ts'
import {
  type HeadStyles,
  headOfRows,
  headRows,
  mapping,
  styleRows,
  styleWidth,
  synthesis,
} from '../src/models/generator/synthesis.ts'
import { define, type Module, type Weights, weight } from '../src/models/module.ts'
import { affine } from '../src/models/ops/affine.ts'
import { modulatedSeparable } from '../src/models/ops/depthwise.ts'
import { haar, inverseHaar } from '../src/models/ops/haar.ts'
import { adamWStart, adamWStep, average, learningRate } from '../src/train/adamw.ts'
import { meanGradient } from '../src/train/gradient.ts'
import { initialise, WeightVector } from '../src/train/state.ts'
import { normal, RandomStream } from '../src/util/random.ts'
import { checkpointShape, toCheckpoint } from '../src/weights/layout.ts'
import { loadWeights } from '../src/weights/load.ts'
import { readTensors } from '../src/weights/open.ts'
import { writeSafetensors } from '../src/weights/write-safetensors.ts'

const [faceCount = 450, steps = 1500] = process.argv.slice(2).map(Number)
/** Squares a face. */
const squares = 4
/** Side of the squares in block 4's features, and how much of it next to the cut does not count. */
const [side, margin] = [32, 2]
/** Pixels of a square that are kept. */
const kept = { 3: 144, 4: 240 } as const
const channels = { 3: 512, 4: 256 } as const
type Block = keyof typeof kept
/** Squares at the end that nothing is fitted on. */
const heldOut = Math.min(160, squares * Math.floor(faceCount / 5))

await useBackend('tensorflow')
const { w, mapped, features } = await loadFrozen()
const samples = await collect()
const fitted = new Map<string, { shape: readonly number[]; data: Float32Array }>()
for (const block of [3, 4] as const) await fitHead(block)
const tensors = [...(await readTensors(generatorPath()))].filter(([name]) => !/^synthesis\.to_img\.[34]\./.test(name))
const metadata = { source: 'random_face 2021.7.21.1 (MobileStyleGAN, arXiv 2104.04767)', license: 'Apache-2.0' }
await writeSafetensors(generatorPath(), new Map([...tensors, ...fitted]), metadata, { dtype: 'F16' })

async function loadFrozen() {
  const network = synthesis()
  const shapes = Object.entries(network.parameters).filter(([name]) => !/^to_img\.[34]\./.test(name))
  const w = await loadWeights(generatorPath(), Object.fromEntries(shapes), { prefix: 'synthesis.' })
  const map = mapping()
  const mapWeights = await loadWeights(generatorPath(), map.parameters, { prefix: 'mapping.' })
  const mapped = (z: tf.Tensor2D) => map(mapWeights, z)
  return { w, mapped, features: (styles: tf.Tensor3D) => network.features(w, styles, 128) }
}

/** Block i over a part of its input, whose upper left corner in its output is at `top` and `left`. */
function runBlock(i: number, x: tf.Tensor4D, a: tf.Tensor2D, b: tf.Tensor2D, top = 0, left = 0): tf.Tensor4D {
  const scale = (name: string, style: tf.Tensor2D) =>
    affine(style, weight<tf.Tensor2D>(w, `${name}.weight`), {
      bias: weight(w, `${name}.bias`),
      transposed: true,
    }) as tf.Tensor2D
  const separable = (name: string, x: tf.Tensor4D, style: tf.Tensor2D) => {
    const [, height, width, inputs] = x.shape
    const whole = 8 << i
    const noise = tf.reshape(weight(w, `${name}.noise`), [1, whole, whole, 1]) as tf.Tensor4D
    const bias = weight(w, `${name}.bias`)
    return modulatedSeparable(x, scale(`${name}.style`, style), {
      depthwise: tf.reshape(weight(w, `${name}.depthwise`), [3, 3, inputs, 1]) as tf.Tensor4D,
      pointwise: tf.reshape(weight(w, `${name}.pointwise`), [inputs, bias.size]) as tf.Tensor2D,
      noise: tf.slice(noise, [0, top, left, 0], [1, height, width, 1]),
      bias,
    })
  }
  const name = `blocks.${i}`
  return separable(`${name}.conv2`, separable(`${name}.conv1`, inverseHaar(x, scale(`${name}.up`, a)), a), b)
}

/** The colours of a part at 1024 pixels. */
function colours(x: tf.Tensor4D, style: tf.Tensor2D): tf.Tensor4D {
  const name = 'to_img.6'
  const scale = affine(style, weight<tf.Tensor2D>(w, `${name}.style.weight`), {
    bias: weight(w, `${name}.style.bias`),
    transposed: true,
  })
  const scaled: tf.Tensor4D = tf.mul(x, tf.reshape(scale, [1, 1, 1, -1]))
  const filter = tf.reshape(weight(w, `${name}.weight`), [-1, 12]) as tf.Tensor2D
  return inverseHaar(affine(scaled, filter, { bias: weight(w, `${name}.bias`) }) as tf.Tensor4D)
}

/** Features, what is to be made of them, and styles of all rows, of every square. */
async function collect() {
  const count = faceCount * squares
  const values = (block: Block, width: number) => new Float32Array(count * kept[block] * width)
  const inputs = { 3: values(3, channels[3]), 4: values(4, channels[4]) }
  const wanted = { 3: values(3, 12), 4: values(4, 12) }
  const styles = new Float32Array(count * styleRows * styleWidth)
  const mean = tf.tidy(() => tf.mean(mapped(normal([10_000, styleWidth], 1, 'mean') as tf.Tensor2D), 0, true))
  const begun = Date.now()
  for (let face = 0; face < faceCount; face++) {
    const random = new RandomStream(1, 'image heads', face)
    /** Styles of `rows`, two or three of which mix at random crossovers every other time. */
    const draw = (rows: number) => {
      const n = random.uniform() < 0.5 ? 1 : 2 + random.integer(2)
      const cuts = Array.from({ length: n - 1 }, () => 1 + random.integer(rows - 1))
      const z = tf.tensor2d(random.normals(n * styleWidth), [n, styleWidth])
      const psi = 0.6 + 0.4 * random.uniform()
      const truncated = tf.add(mean, tf.mul(psi, tf.sub(mapped(z), mean)))
      return tf.gather(
        truncated,
        Array.from({ length: rows }, (_, row) => cuts.filter(cut => cut <= row).length),
      )
    }
    const results = tf.tidy(() => {
      const early = draw(styleRows)
      const row = (styles: tf.Tensor, i: number) => tf.slice(styles, [i, 0], [1, styleWidth]) as tf.Tensor2D
      const fine = features(tf.expandDims(early, 0) as tf.Tensor3D)
      const finer = runBlock(4, fine, row(early, 9), row(early, 10))
      return Array.from({ length: squares }, (_, square) => {
        // The first square has the face's own late styles.
        const styles = square === 0 ? early : tf.concat([tf.slice(early, [0, 0], [11, styleWidth]), draw(5)])
        const [top, left] = [0, 0].map(() => 2 * random.integer((128 - side) / 2 + 1)) as [number, number]
        const x4 = tf.slice(finer, [0, top, left, 0], [1, side, side, channels[4]])
        const x3 = tf.slice(fine, [0, top / 2, left / 2, 0], [1, side / 2, side / 2, channels[3]])
        const x5 = runBlock(5, x4, row(styles, 11), row(styles, 12), 2 * top, 2 * left)
        const x6 = runBlock(6, x5, row(styles, 13), row(styles, 14), 4 * top, 4 * left)
        const picture = colours(x6, row(styles, 15))
        /** A random part of what is not near the cut. */
        const pick = (block: Block, x: tf.Tensor4D, edge: number) => {
          const inner = x.shape[1] - 2 * edge
          const order = new RandomStream(1, 'pixels', block, face, square).permutation(inner ** 2)
          const c = x.shape[3]
          const rows = tf.reshape(tf.slice(x, [0, edge, edge, 0], [1, inner, inner, c]), [inner ** 2, c])
          return tf.gather(rows, Array.from(order.subarray(0, kept[block])))
        }
        const coefficients = (factor: number) => haar(tf.avgPool(picture, factor, factor, 'valid'))
        return [
          pick(3, x3, margin / 2),
          pick(3, coefficients(8), margin / 2),
          pick(4, x4, margin),
          pick(4, coefficients(4), margin),
          styles,
        ]
      }).flat()
    })
    const read = (await Promise.all(results.map(tensor => tensor.data()))) as Float32Array[]
    tf.dispose(results)
    for (let square = 0; square < squares; square++) {
      const targets = [inputs[3], wanted[3], inputs[4], wanted[4], styles]
      for (const [k, target] of targets.entries()) {
        const data = read[square * targets.length + k]!
        target.set(data, (face * squares + square) * data.length)
      }
    }
    if (face % 25 === 24) console.log(`${face + 1} of ${faceCount} faces, ${Math.round((Date.now() - begun) / 1000)} s`)
  }
  return { count, inputs, wanted, styles }
}

/** Squares `indices` as tensors. */
function batchOf(block: Block, indices: readonly number[]) {
  const take = (values: Float32Array, shape: readonly number[]) => {
    const length = shape.reduce((a, b) => a * b, 1)
    const taken = new Float32Array(indices.length * length)
    for (const [k, i] of indices.entries()) taken.set(values.subarray(i * length, (i + 1) * length), k * length)
    return tf.tensor(taken, [indices.length, ...shape])
  }
  return {
    x: take(samples.inputs[block], [kept[block], channels[block]]) as tf.Tensor3D,
    y: take(samples.wanted[block], [kept[block], 12]) as tf.Tensor3D,
    styles: take(samples.styles, [styleRows, styleWidth]) as tf.Tensor3D,
  }
}

/** Least squares of the coefficients upon the features and 1, in float64. @returns [12, c] and [12] */
function linearStart(block: Block): { skip: tf.Tensor2D; bias: tf.Tensor1D } {
  const c = channels[block]
  const gram = Matrix.zeros(c + 1, c + 1)
  const right = Matrix.zeros(c + 1, 12)
  const chunk = 50
  for (let first = 0; first < samples.count - heldOut; first += chunk) {
    const indices = Array.from({ length: Math.min(chunk, samples.count - heldOut - first) }, (_, i) => first + i)
    const [g, r] = tf.tidy(() => {
      const { x, y } = batchOf(block, indices)
      const rows = tf.reshape(tf.pad(x, [[0, 0], [0, 0], [0, 1]], 1), [-1, c + 1]) // biome-ignore format: one line
      return [tf.matMul(rows, rows, true), tf.matMul(rows, tf.reshape(y, [-1, 12]), true)]
    })
    gram.add(Matrix.from1DArray(c + 1, c + 1, g.dataSync()))
    right.add(Matrix.from1DArray(c + 1, 12, r.dataSync()))
    tf.dispose([g, r])
  }
  const ridge = 1e-6 * (samples.count - heldOut) * kept[block]
  const solution = solve(gram.add(Matrix.eye(c + 1).mul(ridge)), right)
    .transpose()
    .to2DArray()
  return { skip: tf.tensor2d(solution.map(row => row.slice(0, c))), bias: tf.tensor1d(solution.map(row => row[c]!)) }
}

async function fitHead(block: Block): Promise<void> {
  const name = `to_img.${block}`
  const head = headOfRows(name, channels[block], styleWidth)
  const predict: Module<[x: tf.Tensor3D, styles: tf.Tensor3D], tf.Tensor3D> = define([head], (w, x, styles) =>
    head(w, x, headRows(styles, block) as HeadStyles),
  )
  const vector = new WeightVector(head.parameters)
  const { skip, bias } = linearStart(block)
  const start: Record<string, tf.Tensor> = {
    ...initialise(head.parameters, 1, /\.style\.weight$|layers\.2\.weight$/),
    [`${name}.skip.weight`]: skip,
    [`${name}.layers.2.bias`]: bias,
  }
  for (const i of [0, 1, 2])
    start[`${name}.layers.${i}.style.bias`] = tf.ones(start[`${name}.layers.${i}.style.bias`]!.shape)
  const test = Array.from({ length: heldOut }, (_, i) => samples.count - heldOut + i)
  const decibels = (weights: Weights) => {
    const error = tf.tidy(() => {
      const { x, y, styles } = batchOf(block, test)
      return tf.mean(tf.square(tf.sub(predict(weights, x, styles), y)))
    })
    return `${(10 * Math.log10(4 / error.dataSync()[0]!)).toFixed(2)} dB`
  }
  console.log(`block ${block}: linear, held out ${decibels(start)}`)
  const task = {
    name,
    parameters: head.parameters,
    batch: async () => ({}),
    loss: (weights: Weights, { x, y, styles }: ReturnType<typeof batchOf>) => {
      const difference = tf.sub(predict(weights, x, styles), y)
      const loss = tf.add(tf.mean(tf.square(difference)), tf.mul(0.1, tf.mean(tf.abs(difference))))
      return { loss: loss as tf.Scalar, parts: {} }
    },
  }
  let weights = vector.join(start)
  let ema = weights.clone()
  let state = adamWStart(vector.length)
  const mask = vector.decayMask()
  const options = { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0, clipNorm: 1 }
  for (let step = 0; step < steps; step++) {
    const random = new RandomStream(1, 'batch', step)
    const batch = batchOf(
      block,
      Array.from({ length: 16 }, () => random.integer(samples.count - heldOut)),
    )
    const named = vector.split(weights)
    const { gradient, loss } = meanGradient(task as never, vector, named, [batch as never], step)
    const rate = learningRate(step, { peak: 1e-3, final: 1e-5, warmup: 20, total: steps })
    const next = adamWStep(weights, gradient, state, { ...options, learningRate: rate, decayMask: mask })
    const averaged = average(ema, next.weights, 0.995, step)
    tf.dispose([weights, ema, state.first, state.second, gradient, loss, next.gradientNorm])
    tf.dispose([Object.values(named), Object.values(batch)] as tf.TensorContainer)
    ;[weights, ema, state] = [next.weights, averaged, next.state]
    if (step % 100 === 99) {
      const named = vector.split(ema)
      console.log(`block ${block}: step ${step + 1}, held out ${decibels(named)}`)
      tf.dispose(Object.values(named))
      await new Promise(resolve => setTimeout(resolve))
    }
  }
  for (const [parameter, tensor] of Object.entries(vector.split(ema))) {
    const { data } = toCheckpoint(tensor.shape, (await tensor.data()) as Float32Array)
    fitted.set(`synthesis.${parameter}`, { shape: checkpointShape(tensor.shape), data })
  }
}
