import * as tf from '@tensorflow/tfjs'
import { beforeAll, expect, it } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { type Autoencoder, discriminator, squareLatents } from '../../src/models/autoencoder.ts'
import { conv2d, upsample2 } from '../../src/models/layers.ts'
import { define, type Weights } from '../../src/models/module.ts'
import { constant } from '../../src/models/ops/differentiable.ts'
import { unit } from '../../src/models/recognizers/recognizer.ts'
import type { PerceptualNetwork } from '../../src/train/perceptual.ts'
import { initialise } from '../../src/train/state.ts'
import { type AutoencoderTaskOptions, autoencoderTask } from '../../src/train/tasks/autoencoder.ts'
import { normal } from '../../src/util/random.ts'

beforeAll(() => useBackend('wasm'))

/** One convolution each way. */
function smallAutoencoder(): Autoencoder {
  const encode = conv2d('encoder.conv', 3, 4, { kernel: 2, stride: 2, padding: 0 })
  const out = conv2d('decoder.conv', 2, 3)
  const decode = define([out], (w: Weights, z: tf.Tensor4D): tf.Tensor4D => out(w, upsample2(z)))
  return {
    encode: define([encode], (w: Weights, x: tf.Tensor4D) => encode(w, x)),
    decode,
    latentShape: squareLatents(2, 2),
  }
}

const adversarialWeight = 0.3
const options: AutoencoderTaskOptions = {
  seed: 5,
  batchSize: 2,
  edgeWeight: 0,
  featureWeight: 0,
  identityWeights: {},
  klWeight: 0,
  adversarialWeight,
  latentNoise: 0.2,
  variation: 0,
}
const images = normal([2, 32, 32, 3], 1, 'images') as tf.Tensor4D
const faces = { count: 2, faces: async () => images.clone() }
const network = smallAutoencoder()
const adversary = discriminator()

/** Gradients of f by the name of the weight; nothing for those that f does not reach. */
function gradients(f: () => tf.Tensor, weights: Weights): Record<string, Float32Array | undefined> {
  const names = Object.keys(weights)
  const { grads } = tf.engine().gradients(
    f as () => tf.Scalar,
    names.map(name => weights[name]!),
  ) as { grads: (tf.Tensor | undefined)[] }
  return Object.fromEntries(names.map((name, i) => [name, grads[i]?.dataSync() as Float32Array | undefined]))
}

it('a constant has the values and no gradient', () => {
  const x = tf.tensor1d([1, -2, 3])
  const before = tf.memory().numTensors
  const gradient = tf.grad(v => tf.sum(tf.mul(v, constant(v))))(x)
  expect([...gradient.dataSync()]).toEqual([1, -2, 3]) // not 2, -4, 6
  gradient.dispose()
  expect(tf.memory().numTensors).toBe(before)
  expect([...x.dataSync()]).toEqual([1, -2, 3])
})

it('an adversary and a decoder each learn from their own loss alone', () => {
  const task = autoencoderTask(network, faces, images, options)
  const weights = initialise(task.parameters, 2)
  const without = autoencoderTask(network, faces, images, { ...options, adversarialWeight: 0 })
  const found = gradients(() => task.loss(weights, images, 0).loss, weights)
  const pixels = gradients(() => without.loss(weights, images, 0).loss, weights)

  // The decoder's is that of its own losses, the adversary being what it is.
  const fooling = gradients(() => task.loss(weights, images, 0).parts.fooling!, weights)
  for (const name of Object.keys(network.decode.parameters)) {
    const expected = pixels[name]!.map((p, i) => p + adversarialWeight * fooling[name]![i]!)
    for (const [i, value] of found[name]!.entries()) expect(value).toBeCloseTo(expected[i]!, 5)
    expect(Math.max(...fooling[name]!.map(Math.abs))).toBeGreaterThan(0)
  }
  for (const name of Object.keys(adversary.parameters)) expect(fooling[name]).toBeUndefined()

  // The adversary's is that of its own loss, which the decoder's weights do not reach; one value by central differences.
  const telling = gradients(() => task.loss(weights, images, 0).parts.telling!, weights)
  for (const name of Object.keys(network.decode.parameters)) expect(telling[name]).toBeUndefined()
  const last = 'discriminator.verdict.weight'
  const at = (factor: number) => {
    const moved = { ...weights, [last]: tf.mul(weights[last]!, factor) }
    return task.loss(moved, images, 0).parts.telling!.dataSync()[0]!
  }
  // d/df of loss(f w) at f = 1 is the gradient's product with w.
  const values = weights[last]!.dataSync()
  const product = telling[last]!.reduce((sum, slope, i) => sum + slope * values[i]!, 0)
  expect(product).toBeCloseTo((at(1.05) - at(0.95)) / 0.1, 4)
  for (const name of Object.keys(adversary.parameters)) expect(found[name]).toEqual(telling[name])
})

it("adds to each face's latent noise of a deviation of its own, no greater than asked for", () => {
  const latents: Float32Array[] = []
  const listening: Autoencoder = {
    ...network,
    // A silent encoder: means and log-variances that leave nothing but the noise.
    encode: define([{ parameters: {} }], (_w, x: tf.Tensor4D) => {
      const [n, h, w] = [x.shape[0], x.shape[1] / 2, x.shape[2] / 2]
      return tf.concat([tf.zeros([n, h, w, 2]), tf.fill([n, h, w, 2], -30)], 3) as tf.Tensor4D
    }),
    decode: define([network.decode], (w, z: tf.Tensor4D) => {
      latents.push(...tf.unstack(z).map(one => one.dataSync() as Float32Array))
      return network.decode(w, z)
    }),
  }
  const task = autoencoderTask(listening, faces, images, { ...options, adversarialWeight: 0 })
  const weights = initialise(task.parameters, 2)
  for (let step = 0; step < 8; step++) task.loss(weights, images, step)
  const deviations = latents.map(z => Math.sqrt(z.reduce((sum, v) => sum + v * v, 0) / z.length))
  expect(Math.max(...deviations)).toBeLessThan(0.2 * 1.1)
  expect(Math.max(...deviations)).toBeGreaterThan(0.12)
  expect(Math.min(...deviations)).toBeLessThan(0.08)
})

it('the loss grows by the distances of features and embeddings, of as many faces as are compared', () => {
  // Mean colours as embeddings, and twice the picture as a feature.
  const perceptual: PerceptualNetwork = {
    name: 'colours',
    perceive: faces => ({ embedding: unit(tf.mean(faces, [1, 2])), features: [tf.mul(faces, 2)] }),
  }
  const task = (extra: Partial<AutoencoderTaskOptions>) =>
    autoencoderTask(
      network,
      faces,
      images,
      { ...options, adversarialWeight: 0, ...extra },
      { perceptual: [perceptual] },
    )
  const weights = initialise(task({}).parameters, 2)
  const value = (extra: Partial<AutoencoderTaskOptions>) =>
    tf.tidy(() => task(extra).loss(weights, images, 3).loss.dataSync()[0]!)
  const parts = (comparedFaces?: number) =>
    tf.tidy(() => {
      const compared = { comparedFaces, featureWeight: 1, identityWeights: { colours: 1 } }
      const { parts } = task(compared).loss(weights, images, 3)
      return Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, part.dataSync()[0]!]))
    })
  const { 'features of colours': features, 'identity by colours': identity } = parts()
  expect(features).toBeGreaterThan(0.1)
  expect(identity).toBeGreaterThan(0.01)
  expect(value({ featureWeight: 0.5 }) - value({})).toBeCloseTo(0.5 * features!, 4)
  expect(value({ identityWeights: { colours: 3 } }) - value({})).toBeCloseTo(3 * identity!, 4)
  expect(value({ identityWeights: { others: 3 } })).toBe(value({}))
  const alone = parts(1)
  expect(alone['identity by colours']).not.toBeCloseTo(identity!, 4)
  expect(parts(5)).toEqual(parts(2))
})
