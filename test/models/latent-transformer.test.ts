import * as tf from '@tensorflow/tfjs'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { noiseSchedule } from '../../src/diffusion/schedule.ts'
import { spreadRows } from '../../src/models/generator/latent-space.ts'
import { latentTransformer, latentTransformerZeros } from '../../src/models/latent-transformer.ts'
import type { PerturbedBlocks } from '../../src/models/unet.ts'
import { proceduralWeights, relativeError } from '../../src/parity/golden.ts'
import { initialise } from '../../src/train/state.ts'
import { normal } from '../../src/util/random.ts'
import { usableBackends } from './backends.ts'

const schedule = noiseSchedule()
const { alphasCumprod } = schedule
const rowGroups = [2, 2, 1]
const sizes = { rowGroups, latentChannels: 12, width: 16, depth: 3, heads: 2, contextDim: 6, alphasCumprod }
const network = latentTransformer(sizes)
const inputs = (n: number) => ({
  z: spreadRows(normal([n, 3, 1, 12], 1, 'z'), rowGroups),
  context: normal([n, 3, 6], 1, 'c') as tf.Tensor3D,
})
const data = (tensor: tf.Tensor) => tensor.dataSync()

describe.each(usableBackends)('latent transformer on %s', backend => {
  beforeAll(() => useBackend(backend))
  beforeEach(() => tf.engine().startScope())
  afterEach(() => tf.engine().endScope())

  it('untrained is the exact denoiser of N(0, I)', () => {
    const weights = initialise(network.parameters, 1, latentTransformerZeros)
    const { z, context } = inputs(3)
    const timesteps = [0, 400, 999]
    const found = network(weights, z, tf.tensor1d(timesteps), context)
    expect(found.shape).toEqual(z.shape)
    // E[eps | z_t] of z_t = sqrt(abar) z_0 + sqrt(1 - abar) eps, both standard normal.
    const scales = timesteps.map(t => Math.sqrt(1 - alphasCumprod[t]!))
    const expected = tf.mul(z, tf.tensor4d(scales, [3, 1, 1, 1]))
    expect(relativeError(data(found), data(expected))).toBeLessThan(1e-6)
  })

  it('adds its velocity with weight sqrt(abar), the rest of the sum staying', () => {
    const mixless = { 'mix.gains.weight': tf.zeros([2, 16]), 'mix.gains.bias': tf.zeros([2]) }
    const weights = { ...proceduralWeights(network.parameters), ...mixless }
    const { z, context } = inputs(1)
    const velocityAt = (t: number) => {
      const eps = network(weights, z, tf.tensor1d([t]), context)
      const [alpha, beta] = [Math.sqrt(alphasCumprod[t]!), Math.sqrt(1 - alphasCumprod[t]!)]
      return data(tf.div(tf.sub(eps, tf.mul(z, beta)), alpha))
    }
    const size = (values: ArrayLike<number>) => Math.hypot(...Array.from(values)) / Math.sqrt(60)
    // F is of one scale at either end, where sqrt(abar) differs fifteenfold.
    expect(size(velocityAt(5)) / size(velocityAt(995))).toBeGreaterThan(0.3)
    expect(size(velocityAt(5)) / size(velocityAt(995))).toBeLessThan(3)
  })

  it('can be the exact denoiser of one style in all groups', () => {
    const [m, t] = [3, 300]
    const alpha = alphasCumprod[t]!
    // E[z_0 | z_t] = m sqrt(abar) mean(z_t) / (m abar + 1 - abar), and v = (sqrt(abar) z_t - z_0) / sqrt(1 - abar).
    const gain = (m * Math.sqrt(alpha)) / (m * alpha + 1 - alpha)
    const weights = {
      ...initialise(network.parameters, 1, latentTransformerZeros),
      'mix.to_q.weight': tf.zeros([12, 16]),
      'mix.gains.bias': tf.tensor1d([-gain, -Math.sqrt(alpha)]),
    }
    const groups = normal([2, 3, 1, 12], 1, 'z')
    const { z, context } = inputs(2)
    const eps = network(weights, z, tf.tensor1d([t, t]), context)
    const found = tf.div(tf.sub(z, tf.mul(eps, Math.sqrt(1 - alpha))), Math.sqrt(alpha))
    const expected = tf.mul(tf.mul(tf.mean(groups, 1, true), gain), tf.ones(z.shape))
    expect(relativeError(data(found), data(expected))).toBeLessThan(1e-5)
  })

  it('is the exact denoiser of N(0, I) by what rows differ from their group', () => {
    const weights = proceduralWeights(network.parameters)
    const { z, context } = inputs(1)
    const difference = tf.mul(normal([1, 1, 1, 12], 3), tf.tensor4d([1, -1, 0, 0, 0], [1, 5, 1, 1]))
    const [tied, apart] = [z, tf.add(z, difference)].map(z =>
      network(weights, z as tf.Tensor4D, tf.tensor1d([300]), context),
    )
    const expected = tf.mul(difference, Math.sqrt(1 - alphasCumprod[300]!))
    expect(relativeError(data(tf.sub(apart!, tied!)), data(expected))).toBeLessThan(1e-4)
  })

  it('treats the samples of a batch alone, and tells rows apart', () => {
    const weights = proceduralWeights(network.parameters)
    const { z, context } = inputs(2)
    const both = network(weights, z, tf.tensor1d([700, 20]), context)
    const second = network(weights, z.slice([1], [1]), tf.tensor1d([20]), context.slice([1], [1]))
    expect(relativeError(data(both.slice([1], [1])), data(second))).toBeLessThan(1e-5)
    const swapped = network(weights, tf.reverse(z, 1), tf.tensor1d([700, 20]), context)
    expect(relativeError(data(tf.reverse(swapped, 1)), data(both))).toBeGreaterThan(1e-3)
  })

  it('perturbed, no row sees another: in the middle blocks, or anywhere', () => {
    const weights = proceduralWeights(network.parameters)
    const { z, context } = inputs(1)
    const moved = (blocks: RegExp, ...perturbed: PerturbedBlocks[]) => {
      const other = Object.fromEntries(
        Object.entries(weights).map(([name, tensor]) =>
          blocks.test(name) && name.includes('attn1.to_q') ? [name, tf.mul(tensor, -3)] : [name, tensor],
        ),
      )
      const outputs = [weights, other].map(w => data(network(w, z, tf.tensor1d([300]), context, ...perturbed)))
      return relativeError(outputs[0]!, outputs[1]!)
    }
    expect(moved(/blocks\.1/)).toBeGreaterThan(0)
    expect(moved(/blocks\.1/, 'middle')).toBe(0)
    expect(moved(/blocks\.0/, 'middle')).toBeGreaterThan(0)
    expect(moved(/./, 'all')).toBe(0)
  })

  it('has gradients of everything, as finite differences say, and leaves no tensor behind', () => {
    const weights = proceduralWeights(network.parameters)
    const { z, context } = inputs(2)
    const timesteps = tf.tensor1d([100, 800])
    const probe = normal([2, 5, 1, 12], 1, 'probe')
    const before = tf.memory().numTensors
    network(weights, z, timesteps, context).dispose()
    const loss = (w: typeof weights, z: tf.Tensor4D, context: tf.Tensor3D) =>
      tf.sum(tf.mul(network(w, z, timesteps, context), probe)) as tf.Scalar
    const [dz, dContext] = tf.grads((z, context) => loss(weights, z as tf.Tensor4D, context as tf.Tensor3D))([
      z,
      context,
    ])
    tf.dispose([dz!, dContext!])
    expect(tf.memory().numTensors).toBe(before)

    const names = Object.keys(weights)
    const grads = tf.grads((...values) =>
      loss(Object.fromEntries(names.map((name, i) => [name, values[i]!])), z, context),
    )(Object.values(weights))
    expect(grads.map((grad, i) => [names[i], grad.shape])).toEqual(names.map(name => [name, weights[name]!.shape]))
    /** The slope of f at 0, up to the fourth power of the step. */
    const slope = (f: (step: number) => tf.Scalar, step = 0.003) => {
      const difference = (k: number) => f(k * step).dataSync()[0]! - f(-k * step).dataSync()[0]!
      return (8 * difference(1) - difference(2)) / (12 * step)
    }
    for (const name of [
      'blocks.1.modulation_table',
      'blocks.0.attn2.to_v.weight',
      'proj_in.weight',
      'modulation.bias',
    ]) {
      const direction = normal(weights[name]!.shape, 2, name)
      const expected = slope(step =>
        loss({ ...weights, [name]: tf.add(weights[name]!, tf.mul(direction, step)) }, z, context),
      )
      const found = tf.sum(tf.mul(grads[names.indexOf(name)]!, direction)).dataSync()[0]!
      expect(Math.abs(found - expected) / Math.abs(expected), name).toBeLessThan(0.05)
    }
  })
})
