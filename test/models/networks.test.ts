/** What golden files do not say of the networks: the default model's sizes, variants, placeholders and bad input. */
import * as tf from '@tensorflow/tfjs'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { autoencoderKl } from '../../src/models/autoencoder-kl.ts'
import { clipText } from '../../src/models/clip.ts'
import { countParameters } from '../../src/models/module.ts'
import { allBuckets, BUCKETS, type MsiConfig, msi } from '../../src/models/msi.ts'
import type { PerturbedBlocks } from '../../src/models/unet.ts'
import { unet } from '../../src/models/unet.ts'
import { proceduralWeights, relativeError } from '../../src/parity/golden.ts'
import { proceduralInput } from '../../src/parity/procedural.ts'
import { usableBackends } from './backends.ts'

const values = <T extends tf.Tensor>(name: string, shape: number[]) =>
  tf.tensor(proceduralInput(name, shape), shape) as T
const data = (tensor: tf.Tensor) => tensor.dataSync()

describe.each(usableBackends)('networks on %s', backend => {
  beforeAll(() => useBackend(backend))
  beforeEach(() => tf.engine().startScope())
  afterEach(() => tf.engine().endScope())

  describe('unet', () => {
    const config = { inChannels: 8, outChannels: 8, channelMult: [1, 2], numResBlocks: 1, numHeads: 2, contextDim: 6 }
    const small = unet({ ...config, modelChannels: 16, attentionResolutions: [2], groups: 8 })

    it('treats the samples of a batch alone', () => {
      const weights = proceduralWeights(small.parameters)
      const z = values<tf.Tensor4D>('z', [2, 4, 4, 8])
      const context = values<tf.Tensor3D>('c', [2, 3, 6])
      const both = small(weights, z, tf.tensor1d([700.5, 20]), context)
      const second = small(weights, z.slice([1], [1]), tf.tensor1d([20]), context.slice([1], [1]))
      expect(relativeError(data(both.slice([1], [1])), data(second))).toBeLessThan(1e-5)
    })

    it('perturbed, does not ask pixels what they see in each other: in the middle, or anywhere', () => {
      const weights = proceduralWeights(small.parameters)
      const [z, context] = [values<tf.Tensor4D>('z', [1, 4, 4, 8]), values<tf.Tensor3D>('c', [1, 3, 6])]
      /** How far the output moves when queries of these blocks' self-attention do. */
      const moved = (blocks: RegExp, ...perturbed: PerturbedBlocks[]) => {
        const other = Object.fromEntries(
          Object.entries(weights).map(([name, tensor]) =>
            blocks.test(name) && name.includes('attn1.to_q') ? [name, tf.mul(tensor, -3)] : [name, tensor],
          ),
        )
        const outputs = [weights, other].map(w => data(small(w, z, tf.tensor1d([300]), context, ...perturbed)))
        return relativeError(outputs[0]!, outputs[1]!)
      }
      expect(moved(/middle/)).toBeGreaterThan(0)
      expect(moved(/put_blocks/)).toBeGreaterThan(0)
      expect(moved(/middle/, 'middle')).toBe(0)
      expect(moved(/put_blocks/, 'middle')).toBeGreaterThan(0)
      expect(moved(/./, 'all')).toBe(0)
    })

    it('leaves no tensor behind, forward and backward', () => {
      const weights = proceduralWeights(small.parameters)
      const z = values<tf.Tensor4D>('z', [1, 4, 4, 8])
      const [t, context] = [tf.tensor1d([5]), values<tf.Tensor3D>('c', [1, 3, 6])]
      const before = tf.memory().numTensors
      small(weights, z, t, context).dispose()
      tf.grad(z => small(weights, z as tf.Tensor4D, t, context))(z).dispose()
      expect(tf.memory().numTensors).toBe(before)
    })
  })

  it('autoencoder encodes and decodes by its factor', () => {
    const { encode, decode, parameters } = autoencoderKl({
      imageChannels: 3,
      latentChannels: 2,
      channels: 32,
      channelMult: [1, 2, 2],
      numResBlocks: 1,
    })
    const weights = proceduralWeights(parameters)
    expect(encode(weights, values('x', [2, 16, 8, 3])).shape).toEqual([2, 4, 2, 4])
    expect(decode(weights, values('z', [2, 4, 2, 2])).shape).toEqual([2, 16, 8, 3])
  })

  describe('clip text, at the size of the default model', () => {
    const text = clipText({ width: 128, innerWidth: 512, layers: 2, heads: 4, positions: 8, vocabulary: 4 })
    const ids = [[0, 2, 1, 1, 1, 1, 1, 1]]

    it('gives each placeholder vector a row of its own', () => {
      const weights = proceduralWeights(text.parameters)
      const vectors = values<tf.Tensor2D>('v', [3, 128])
      const all = text(weights, ids, { position: 1, vectors })
      expect(all.shape).toEqual([3, 8, 128])
      const last = text(weights, ids, { position: 1, vectors: vectors.slice([2], [1]) })
      expect(relativeError(data(all.slice([2], [1])), data(last))).toBeLessThan(1e-5)
    })

    it('is the plain prompt when the placeholder is the word itself', () => {
      const weights = proceduralWeights(text.parameters)
      const vectors = tf.slice(weights['embeddings.token_embedding.weight']! as tf.Tensor2D, [2, 0], [1, 128])
      const replaced = text(weights, ids, { position: 1, vectors })
      expect(relativeError(data(replaced), data(text(weights, ids)))).toBeLessThan(1e-6)
    })

    it('lets no token see what follows it', () => {
      const weights = proceduralWeights(text.parameters)
      const [a, b] = [ids, [[0, 2, 1, 1, 3, 1, 1, 1]]].map(rows => text(weights, rows).arraySync()[0]!)
      expect(a!.slice(0, 4)).toEqual(b!.slice(0, 4))
      expect(a![4]).not.toEqual(b![4])
    })

    it('refuses a prompt of another length', () => {
      expect(() => text({}, [[0, 1]])).toThrow('8 token ids, found one with 2')
    })
  })

  describe('msi', () => {
    const config: MsiConfig = { dim: 12, featureDims: [6, 8, 8, 10, 4], heads: 2, headDim: 4 }
    const released = msi(config)
    const patch = msi({ ...config, variant: 'patch' })
    const features = (tokens: number) => config.featureDims.map((c, k) => values<tf.Tensor3D>(`f${k}`, [2, tokens, c]))

    it('has one set of parameters for both variants', () => {
      expect(patch.parameters).toEqual(released.parameters)
    })

    it('is the same function in both variants when a scale has one token, and not when it has more', () => {
      const weights = proceduralWeights(released.parameters)
      for (const [tokens, same] of [
        [1, true],
        [5, false],
      ] as const) {
        const [a, b] = [released, patch].map(network => data(allBuckets(network, weights, features(tokens))))
        expect(relativeError(a!, b!) < 1e-5).toBe(same)
      }
    })

    it('reads feature floor(b / 2) and time embedding b in bucket b', () => {
      const weights = proceduralWeights(released.parameters)
      const all = allBuckets(released, weights, features(3)) // [2, 10, 12]
      expect(all.shape).toEqual([2, BUCKETS, 12])
      const changed = features(3).map((f, k) => (k === 2 ? tf.neg(f) : f)) as tf.Tensor3D[]
      const other = allBuckets(released, weights, changed)
      const differs = Array.from({ length: BUCKETS }, (_, b) => {
        const [x, y] = [all, other].map(t => data(tf.slice(t, [0, b, 0], [2, 1, 12])))
        return relativeError(x!, y!) > 1e-3
      })
      expect(differs).toEqual([false, false, false, false, true, true, false, false, false, false])
    })

    it('gives one vector in the single variant: the released one of the last bucket', () => {
      const single = msi({ ...config, variant: 'single' })
      expect(single.parameters).toEqual(released.parameters)
      const weights = proceduralWeights(single.parameters)
      const last = data(released(weights, features(3), BUCKETS - 1))
      for (const bucket of [0, BUCKETS - 1]) expect(data(single(weights, features(3), bucket))).toEqual(last)
    })

    it('lets gradients reach queries and keys in the patch variant', () => {
      const weights = proceduralWeights(patch.parameters)
      const norm = (name: string) => {
        const f = (w: tf.Tensor) => tf.sum(tf.square(patch({ ...weights, [name]: w }, features(5), 3)))
        return tf.norm(tf.grad(f)(weights[name]!)).dataSync()[0]!
      }
      for (const name of ['attn1.to_q.weight', 'attn1.to_v.weight', 'attn2.to_k.weight'])
        expect(norm(name)).toBeGreaterThan(1e-5)
    })

    it('drops values at the three places of the release', () => {
      const weights = proceduralWeights(released.parameters)
      const sites: string[] = []
      released(weights, features(2), 0, (x, site) => {
        sites.push(site)
        return x
      })
      expect(sites).toEqual(['attn1', 'attn2', 'net'])
      const dropped = released(weights, features(2), 0, (x, site) => (site === 'net' ? tf.zerosLike(x) : x))
      expect([...data(dropped.slice([0, 0], [1, 12]))]).toEqual([...data(weights['net.1.bias']!)])
    })

    it('refuses a bucket that is none', () => {
      expect(() => released({}, features(1), 10)).toThrow('bucket in 0..9, found 10')
    })
  })
})

describe('sizes', () => {
  it('default UNet has 24 M parameters and attends at 8 x 8 and 4 x 4 only', () => {
    const { parameters } = unet({
      inChannels: 8,
      outChannels: 8,
      modelChannels: 96,
      channelMult: [1, 2, 3],
      numResBlocks: 1,
      attentionResolutions: [2, 4],
      numHeads: 4,
      contextDim: 128,
    })
    expect(Math.round(countParameters(parameters) / 1e6)).toBe(24)
    const attended = Object.keys(parameters).filter(name => name.endsWith('.proj_in.weight'))
    expect(attended.map(name => parameters[name]![0])).toEqual([192, 288, 288, 288, 288, 192, 192])
  })

  it('released MSI has 10,626,816 parameters', () => {
    const { parameters } = msi({ dim: 768, featureDims: [1024, 1024, 1024, 1024, 1024], heads: 8, headDim: 64 })
    expect(countParameters(parameters)).toBe(10_626_816)
  })
})
