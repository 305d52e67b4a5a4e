import * as tf from '@tensorflow/tfjs'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { splitMoments } from '../../src/models/autoencoder.ts'
import { generatorAutoencoder, rowGroups } from '../../src/models/autoencoder-generator.ts'
import { define, type Weights } from '../../src/models/module.ts'
import { proceduralWeights } from '../../src/parity/golden.ts'
import { normal } from '../../src/util/random.ts'
import { usableBackends } from './backends.ts'

/** Gives each face a latent of its mean colour. */
const encoder = define([], (_: Weights, faces: tf.Tensor4D) =>
  tf.tidy(() => tf.mul(tf.reshape(tf.mean(faces, [1, 2, 3]), [-1, 1, 1, 1]), tf.ones([1, 16, 1, 512])) as tf.Tensor4D),
)

describe.each(usableBackends)('generator as an autoencoder on %s', backend => {
  beforeAll(() => useBackend(backend))
  beforeEach(() => tf.engine().startScope())
  afterEach(() => tf.engine().endScope())

  it('decodes to its own size or another, each latent alone, and differentiably', () => {
    const { decode, latentShape } = generatorAutoencoder(128)
    const weights = proceduralWeights(decode.parameters)
    const latents = normal([2, ...latentShape(128)], 1, 'z') as tf.Tensor4D
    const before = tf.memory().numTensors
    const both = decode(weights, latents)
    expect(tf.memory().numTensors).toBe(before + 1)
    expect(both.shape).toEqual([2, 128, 128, 3])
    const second = decode(weights, tf.slice(latents, [1], [1]))
    const difference = tf.max(tf.abs(tf.sub(tf.slice(both, [1], [1]), second))).dataSync()[0]!
    expect(difference / tf.max(tf.abs(second)).dataSync()[0]!).toBeLessThan(1e-4)
    expect(decode(weights, tf.slice(latents, [1], [1]), 256).shape).toEqual([1, 256, 256, 3])
    expect(() => decode(weights, latents, 64)).toThrow('expected a size out of 128, 256, 1024, found 64')
    const gradient = tf.grad(z => tf.mean(tf.square(decode(weights, z as tf.Tensor4D))))(latents)
    expect(gradient.shape).toEqual(latents.shape)
    expect(tf.min(tf.max(tf.abs(gradient), [1, 2, 3])).dataSync()[0]).toBeGreaterThan(0)
  })

  it("encodes to the encoder's latents, normalised by channel, which are certain", () => {
    const { encode, fromGenerated } = generatorAutoencoder(128, encoder)
    const channels = tf.range(0, 512)
    const weights = { 'latent_statistics.mean': channels, 'latent_statistics.deviation': tf.add(channels, 2) }
    const faces = tf.mul(tf.ones([2, 8, 8, 3]), tf.tensor4d([0.25, -0.5], [2, 1, 1, 1])) as tf.Tensor4D
    const { mean, logVariance } = splitMoments(encode(weights, faces))
    expect(mean.shape).toEqual([2, 16, 1, 512])
    const expected = [0.25, -0.5].map(value => (value - 7) / 9)
    expect(tf.slice(mean, [0, 3, 0, 7], [2, 1, 1, 1]).dataSync()).toEqual(Float32Array.from(expected))
    expect(fromGenerated!(weights, encoder({}, faces)).dataSync()).toEqual(mean.dataSync())
    expect(tf.max(logVariance).dataSync()[0]).toBe(-30)
  })
})

it('groups all rows', () => {
  expect(rowGroups.reduce<number>((a, b) => a + b, 0)).toBe(16)
})
