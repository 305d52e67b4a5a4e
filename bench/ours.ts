/**
 * Our side of the bench. Started with a case and its settings as JSON; prints {"ready": ...} once warm, then answers every line
 * on its standard input: 'kernels' by what each kernel took of one repetition, any other by the seconds that one took.
 */
import { createInterface } from 'node:readline'
import * as tf from '@tensorflow/tfjs'
import { enableBf16 } from '../src/backend/bf16.ts'
import { releaseBackend, useBackend } from '../src/backend/index.ts'
import { loadModelConfig } from '../src/config/model.ts'
import { ddimStep } from '../src/diffusion/ddim.ts'
import { energyGradient } from '../src/diffusion/guidance.ts'
import { ddimSteps, noiseSchedule } from '../src/diffusion/schedule.ts'
import { dissimilarity, diversity } from '../src/energies/identity.ts'
import { splitMoments } from '../src/models/autoencoder.ts'
import { type FaceSize, synthesis } from '../src/models/generator/synthesis.ts'
import { conditionalEmbedding, latentDiffusion } from '../src/models/latent-diffusion.ts'
import type { Shapes, Weights } from '../src/models/module.ts'
import { convolution } from '../src/models/ops/affine.ts'
import { dlib, dlibNet } from '../src/models/recognizers/dlib.ts'
import { meanGradient } from '../src/train/gradient.ts'
import { advance, disposeRun, initialState, WeightVector } from '../src/train/state.ts'
import type { TrainingTask } from '../src/train/task.ts'
import { noisePredictionLoss } from '../src/train/tasks/diffusion.ts'
import { runtimeShape } from '../src/weights/layout.ts'
import type { Work } from './cases.ts'
import { processorSeconds, timeKernels } from './kernels.ts'
import type { Settings } from './settings.ts'

/** One repetition; its tensors are gone when it returns, and its work is done. */
type Run = () => void

const settings: Settings = JSON.parse(process.argv[2]!)
const backend = await useBackend(settings.backend)
if (settings.precision === 'bf16' && !enableBf16()) throw new Error('this processor has no bf16 instructions')
const config = await loadModelConfig(settings.model.name)
const networks = latentDiffusion(config)
const schedule = noiseSchedule(config.schedule)
const [side, , channels] = networks.autoencoder.latentShape(config.imageSize)

const latents = (n: number, size = side) =>
  tf.randomNormal([n, size, size, channels], 0, 1, 'float32', 1) as tf.Tensor4D
const context = (n: number) =>
  tf.randomNormal([n, config.text.positions, config.text.width], 0, 1, 'float32', 2) as tf.Tensor3D
const timesteps = (n: number) => Array.from({ length: n }, (_, i) => 31 * i)

const works: Record<Work, (...args: never[]) => Run> = {
  'unet-forward': () => unetForward(side),
  'sd-unet': unetForward,

  decode() {
    const weights = random(networks.autoencoder.decode.parameters)
    const z = latents(1)
    return () => networks.autoencoder.decode(weights, z)
  },

  'decode-gradient'() {
    const weights = random(networks.autoencoder.decode.parameters)
    const z = latents(1)
    return () => tf.grad(z => tf.mean(tf.square(networks.autoencoder.decode(weights, z as tf.Tensor4D))))(z)
  },

  'guided-step'(n: number) {
    const step = guided(n)
    const z = latents(n)
    return () => step(z)
  },

  'whole-face'(n: number, steps: number) {
    const { encode, decode } = networks.autoencoder
    const weights = random({ ...encode.parameters, ...decode.parameters })
    const step = guided(n)
    const face = tf.randomUniform([1, config.imageSize, config.imageSize, 3], -1, 1) as tf.Tensor4D
    const noise = latents(n)
    return () => {
      const { mean } = splitMoments(encode(weights, face))
      let z = tf.add(tf.mul(mean, 0.7), tf.mul(noise, 0.7)) as tf.Tensor4D
      for (let i = 0; i < steps; i++) z = tf.tidy(() => step(z))
      tf.clipByValue(decode(weights, z), -1, 1)
    }
  },

  'base-step'(batch: number) {
    const [z, c] = [latents(batch), context(batch)]
    return trained(networks.unet.parameters, (weights, step) =>
      noisePredictionLoss(
        networks.unet,
        weights,
        schedule,
        { latents: z, timesteps: timesteps(batch), context: c },
        { seed: 1, step },
      ),
    )
  },

  'msi-step'(batch: number) {
    const [unet, text] = [random(networks.unet.parameters), random(networks.text.parameters)]
    const sides = [8, 8, 8, 4, 2]
    const features = config.msi.featureDims.map((width, k) => tf.randomNormal([batch, sides[k]! ** 2, width]))
    const z = latents(batch)
    return trained(networks.msi.parameters, (weights, step) => {
      const vectors = networks.msi(weights, features as tf.Tensor3D[], 5)
      const c = conditionalEmbedding(networks.text, text, config.prompt, vectors)
      return noisePredictionLoss(
        networks.unet,
        unet,
        schedule,
        { latents: z, timesteps: timesteps(batch), context: c },
        { seed: 1, step },
      )
    })
  },

  generator(size: FaceSize) {
    const { network, weights, styles } = generator()
    return () => (size === 256 ? network.features(weights, styles, size) : network(weights, styles, size))
  },

  'generator-gradient'(size: FaceSize) {
    const { network, weights, styles } = generator()
    const loss = (w: tf.Tensor) => tf.mean(tf.square(network.features(weights, w as tf.Tensor3D, size)))
    return () => tf.grad(loss)(styles)
  },

  peak(kind: string) {
    if (kind === 'product') {
      const a = tf.randomNormal([2048, 2048]) as tf.Tensor2D
      return () => tf.matMul(a, a)
    }
    const x = tf.randomNormal([16, 32, 32, 128]) as tf.Tensor4D
    const filter = tf.randomNormal([3, 3, 128, 128]) as tf.Tensor4D
    if (kind === 'library-convolution') return () => tf.conv2d(x, filter, 1, 'same')
    return () => convolution(x, filter)
  },
}

function unetForward(size: number): Run {
  const weights = random(networks.unet.parameters)
  const [z, t, c] = [latents(1, size), tf.tensor1d([500]), context(1)]
  return () => networks.unet(weights, z, t, c)
}

/** Weights for `parameters`: a block of random numbers again and again, which for Stable Diffusion saves minutes. */
function random(parameters: Shapes): Weights {
  const block = tf.randomNormal([2 ** 16], 0, 0.02, 'float32', 1) as tf.Tensor1D
  const tensor = (shape: number[]) => {
    const size = tf.util.sizeFromShape(shape)
    return tf.tidy(() => tf.reshape(tf.slice(tf.tile(block, [Math.ceil(size / block.size)]), 0, size), shape))
  }
  return Object.fromEntries(
    Object.entries(parameters).map(([name, shape]) => {
      if (shape.length > 1) return [name, tensor(runtimeShape(shape))]
      return [name, name.endsWith('.bias') ? tf.zeros([...shape]) : tf.ones([...shape])]
    }),
  )
}

/** With weights that neither grow nor shrink what passes through. */
function generator() {
  const network = synthesis()
  const weights = Object.fromEntries(
    Object.entries(network.parameters).map(([name, parameter]) => {
      const shape = runtimeShape(parameter)
      const inputs = shape.length === 4 ? tf.util.sizeFromShape(shape.slice(0, 3)) : shape.at(-1)!
      return [name, tf.randomNormal(shape, 0, inputs ** -0.5, 'float32', 1)]
    }),
  )
  return { network, weights, styles: tf.randomNormal([1, 16, 512], 0, 1, 'float32', 2) as tf.Tensor3D }
}

/** z_t -> z_{t-1} under the energies of anonymization with dlib. */
function guided(n: number): (z: tf.Tensor4D) => tf.Tensor4D {
  const { unet, autoencoder } = networks
  const unetWeights = random(unet.parameters)
  const decoder = random(autoencoder.decode.parameters)
  const recognizer = dlib(random(dlibNet().parameters))
  const [c, reference] = [context(1), tf.fill([1, recognizer.dimensions], recognizer.dimensions ** -0.5) as tf.Tensor2D]
  const step = ddimSteps(schedule, 16)[8]!
  return z => {
    const eps = unet(unetWeights, z, tf.fill([n], 500), tf.tile(c, [n, 1, 1]))
    const { previous, x0 } = ddimStep(z, eps, step)
    const { gradient } = energyGradient(x0, {
      features: z => recognizer.embed(autoencoder.decode(decoder, z)),
      energy: embeddings => tf.add(dissimilarity(embeddings, reference, 0.8), diversity(embeddings, 0.8)),
    })
    return tf.sub(previous, gradient)
  }
}

/** One step of training: loss, gradient, clipping, AdamW, moving average. */
function trained(parameters: Shapes, loss: (weights: Weights, step: number) => tf.Scalar): Run {
  const task: TrainingTask<tf.Tensor[]> = {
    name: 'bench',
    parameters,
    batch: async () => [],
    loss: (weights, _batch, step) => ({ loss: loss(weights, step), parts: {} }),
  }
  const optimizer = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01, clipNorm: 1 }
  const vector = new WeightVector(parameters)
  const decayMask = tf.keep(vector.decayMask())
  let state = initialState(task, vector, 1)
  let step = 0
  return () => {
    const { gradient } = meanGradient(task, vector, vector.split(state.weights), [[]], step++)
    const next = advance(state, gradient, 1e-9, { optimizer, averageDecay: 0.99 }, decayMask)
    disposeRun(state)
    state = next.state
    for (const tensor of [state.weights, state.average, state.adam.first, state.adam.second]) tf.keep(tensor)
    next.gradientNorm.dataSync()
  }
}

const run = (works[settings.work] as (...args: readonly (number | string)[]) => Run)(...settings.arguments)

async function timed(): Promise<{ seconds: number; processor: number }> {
  const [start, processor] = [performance.now(), processorSeconds()]
  tf.tidy(run)
  // The queue of a GPU is done when something that comes after is.
  if (backend === 'webgpu') await tf.scalar(0).square().data()
  return { seconds: (performance.now() - start) / 1e3, processor: processorSeconds() - processor }
}

for (let i = 1; i < settings.warmup; i++) await timed()
const kernels = () => timeKernels(() => tf.tidy(run))
const operations = kernels().reduce((sum, kernel) => sum + kernel.operations, 0)
const { binding } = tf.backend() as { binding?: { TF_Version: string } }
const library = binding ? `, libtensorflow ${binding.TF_Version}` : ''
console.log(JSON.stringify({ ready: `TensorFlow.js ${tf.version_core}, ${backend}${library}`, operations }))
for await (const line of createInterface({ input: process.stdin })) {
  const answer = line === 'kernels' ? { kernels: kernels() } : await timed()
  console.log(JSON.stringify(answer))
}
await releaseBackend()
