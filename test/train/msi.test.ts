import { mkdtemp, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { FaceStore } from '../../src/data/face-store.ts'
import { StoreWriter } from '../../src/data/store-writer.ts'
import { noiseSchedule } from '../../src/diffusion/schedule.ts'
import type { LatentDiffusion } from '../../src/models/latent-diffusion.ts'
import { linear } from '../../src/models/layers.ts'
import { define, type Weights } from '../../src/models/module.ts'
import { msi } from '../../src/models/msi.ts'
import { type FrozenNetworks, LatentCache, type LatentOptions } from '../../src/train/latents.ts'
import { facesOf } from '../../src/train/people.ts'
import { initialise } from '../../src/train/state.ts'
import { msiTask } from '../../src/train/tasks/msi.ts'
import { normal, RandomStream } from '../../src/util/random.ts'

const size = 16
const people = ['Ann', 'Ann', 'Ben', 'Cleo', 'Ben']

let folder: string
let store: FaceStore
beforeAll(async () => {
  await useBackend('wasm')
  folder = await mkdtemp(join(tmpdir(), 'msi-'))
  const writer = await StoreWriter.create(join(folder, 'faces'), size)
  const random = new RandomStream(1, 'pixels')
  for (const [i, identity] of people.entries())
    await writer.add(
      { id: `${identity}/${i}.png`, identity },
      Uint8Array.from({ length: size ** 2 * 3 }, () => random.integer(256)),
    )
  await writer.finish()
  store = await FaceStore.open(join(folder, 'faces'))
})
afterAll(async () => {
  await store.close()
  await rm(folder, { recursive: true })
})

/** Frozen networks that count what they are asked for: faces, not calls. */
function countingNetworks(): { networks: FrozenNetworks; counts: { encoded: number; featured: number } } {
  const counts = { encoded: 0, featured: 0 }
  const tokens = (faces: tf.Tensor4D, count: number) => {
    const n = faces.shape[0]
    return tf.slice(tf.reshape(faces, [n, -1, 8]), [0, 0, 0], [n, count, 8]) as tf.Tensor3D
  }
  const networks: FrozenNetworks = {
    fromGenerated: latents => latents.clone(),
    encode(faces) {
      counts.encoded += faces.shape[0]
      return tf.tidy(() => tf.mul(tf.avgPool(faces, 8, 8, 'valid'), 2))
    },
    features(faces) {
      counts.featured += faces.shape[0]
      return tf.tidy(() => ({
        embedding: tf.mean(faces, [1, 2]) as tf.Tensor2D,
        features: [5, 4, 3, 2, 1].map(count => tokens(faces, count)) as never,
      }))
    },
  }
  return { networks, counts }
}

const all: LatentOptions = { faces: [0, 1, 2, 3, 4], mirrored: true, features: 'tokens' }
const open = (name: string, networks: FrozenNetworks, options = all) =>
  LatentCache.open(join(folder, name), store, networks, options, () => {})

/** What a cache says of rows, as numbers. */
async function contents(cache: LatentCache, rows: readonly number[]): Promise<number[][]> {
  const { latents, embeddings } = await cache.batch(rows)
  const featured = await cache.featured(rows)
  const tensors = [latents, embeddings, ...featured.features]
  const values = await Promise.all(tensors.map(async tensor => [...(await tensor.data())]))
  tf.dispose([tensors, featured.latents])
  return values
}

describe('LatentCache', () => {
  it('keeps what the networks make of every face and of its mirror image', async () => {
    const { networks } = countingNetworks()
    const before = tf.memory().numTensors
    const cache = await open('whole', networks)
    expect(cache.count).toBe(10)
    const rows = [7, 1]
    const found = await contents(cache, rows)
    await cache.close()
    expect(tf.memory().numTensors).toBe(before)
    for (const [i, row] of rows.entries()) {
      const upright = await store.faces([row % 5])
      const faces = (row >= 5 ? tf.reverse(upright, 2) : upright) as tf.Tensor4D
      const { embedding, features } = networks.features(faces)
      const outputs = [networks.encode(faces), embedding, ...features]
      for (const [part, output] of outputs.entries()) {
        const values = [...(await output.data())]
        expect(found[part]!.slice(i * values.length, (i + 1) * values.length)).toEqual(values)
      }
      tf.dispose([upright, faces, ...outputs])
    }
  })

  it('is computed once: another run reads it, and an interrupted computation goes on', async () => {
    const first = countingNetworks()
    const cache = await open('once', first.networks)
    const [whole, deviation] = [await contents(cache, [...Array(10).keys()]), cache.deviation]
    await cache.close()
    expect(first.counts).toEqual({ encoded: 11, featured: 11 }) // One more tells these networks from others.

    const second = countingNetworks()
    const again = await open('once', second.networks)
    expect(second.counts).toEqual({ encoded: 1, featured: 1 })
    expect(again.deviation).toBe(deviation)
    await again.close()

    const names = await readdir(join(folder, 'once'))
    const path = join(folder, 'once', names.find(name => name.endsWith('.f32'))!)
    await writeFile(join(folder, 'once', names.find(name => name.endsWith('.json'))!), '{"devia')
    await truncate(path, Math.floor((await stat(path)).size * 0.73)) // In the middle of a mirror image's row.
    const third = countingNetworks()
    const resumed = await open('once', third.networks)
    expect(third.counts).toEqual({ encoded: 6, featured: 6 })
    expect(await contents(resumed, [...Array(10).keys()])).toEqual(whole)
    expect(resumed.deviation).toBe(deviation)
    await resumed.close()
  })

  it('keeps means of features where no more is read, and other faces apart', async () => {
    const { networks } = countingNetworks()
    const tokens = await open('kinds', networks)
    const means = await open('kinds', networks, { ...all, features: 'means' })
    const ann = await open('kinds', networks, { faces: [0, 1], mirrored: false, features: 'means' })
    expect(ann.count).toBe(2)
    const [of, meansOf] = [await tokens.featured([3]), await means.featured([3])]
    for (const [k, feature] of of.features.entries()) {
      const mean = await tf.mean(feature, 1, true).data()
      expect(meansOf.features[k]!.shape).toEqual([1, 1, 8])
      for (const [i, value] of (await meansOf.features[k]!.data()).entries()) expect(value).toBeCloseTo(mean[i]!, 5)
    }
    await Promise.all([tokens, means, ann].map(cache => cache.close()))
  })
})

describe('LatentCache of generated faces', () => {
  it('keeps what they were generated from, scaled, and refuses to mirror them', async () => {
    const path = join(folder, 'generated')
    const writer = await StoreWriter.create(path, size, { hasLatents: true })
    const latents = people.map((_, i) => new RandomStream(1, 'latents', i).normals(16 * 512))
    for (const [i, identity] of people.entries())
      await writer.add({ id: `${i}`, identity }, new Uint8Array(size ** 2 * 3).fill(i), latents[i]!)
    await writer.finish()
    const generated = await FaceStore.open(path)
    const { networks, counts } = countingNetworks()
    const scaled = { ...networks, fromGenerated: (z: tf.Tensor4D) => tf.mul(z, 1.5) as tf.Tensor4D }
    const upright = { ...all, mirrored: false }
    const cache = await LatentCache.open(join(folder, 'scaled'), generated, scaled, upright, () => {})
    const { latents: found } = await cache.batch([3, 1])
    expect(found.shape).toEqual([2, 16, 1, 512])
    const expected = [3, 1].flatMap(i => [...latents[i]!]).map(value => Math.fround(1.5 * value))
    expect([...(await found.data())]).toEqual(expected)
    expect(counts.encoded).toBe(0)
    expect(cache.deviation).toBeCloseTo(1.5, 1)
    await expect(LatentCache.open(join(folder, 'mirrored'), generated, scaled, all, () => {})).rejects.toThrow(
      'whose mirror images have no latents',
    )
    await cache.close()
    await generated.close()
  })
})

describe('msiTask', () => {
  it('costs a step one pass of the UNet and of the text transformer, and nothing else', async () => {
    const { networks, counts } = countingNetworks()
    const cache = await open('steps', networks)
    const counted = { unet: 0, text: 0 }
    const layer = linear('out', 4, 3)
    // As small as a network can be that takes what the real ones take.
    const unet = define([layer], (w: Weights, z: tf.Tensor4D, _: tf.Tensor1D, context: tf.Tensor3D) => {
      counted.unet++
      const shift = tf.reshape(layer(w, tf.mean(context, 1)), [-1, 1, 1, 3])
      return tf.add(z, shift) as tf.Tensor4D
    })
    const text = define([], (_: Weights, __: unknown, replaced: { vectors: tf.Tensor2D }) => {
      counted.text++
      return tf.expandDims(replaced.vectors, 1) as tf.Tensor3D
    })
    const network = msi({ dim: 4, featureDims: [8, 8, 8, 8, 8], heads: 1, headDim: 4, variant: 'patch' })
    const task = msiTask(
      { unet, text, msi: network } as unknown as LatentDiffusion,
      { unet: { 'out.weight': normal([3, 4], 1), 'out.bias': tf.zeros([3]) }, text: {} },
      { prompt: { placeholder: [0], empty: [0], position: 0 }, schedule: noiseSchedule() },
      cache,
      { seed: 1, batchSize: 2, dropout: 0 },
    )
    const built = { ...counts }
    const weights = initialise(task.parameters, 1)
    const names = Object.keys(weights)
    for (let step = 0; step < 3; step++) {
      const batch = await task.batch(step)
      const f = () => task.loss(weights, batch, step).loss
      const { grads } = tf.tidy(() => tf.engine().gradients(f, Object.values(weights), undefined, true))
      // The bucket's own projection learns, and so does everything after it.
      const learns = names.filter((_, i) => grads[i])
      expect(learns).toEqual(expect.arrayContaining(['t_embed1.weight', 'attn1.to_q.weight', 'net.1.weight']))
      tf.dispose([batch, grads] as tf.TensorContainer)
    }
    expect(counted).toEqual({ unet: 3, text: 3 })
    expect(counts).toEqual(built)
    await cache.close()
  })
})

describe('the subject of MSI', () => {
  it('is everybody, a person or a picture', () => {
    expect(facesOf('everybody', store.entries)).toEqual([0, 1, 2, 3, 4])
    expect(facesOf({ identity: 'Ben' }, store.entries)).toEqual([2, 4])
    expect(facesOf({ image: 'Cleo/3.png' }, store.entries)).toEqual([3])
    expect(() => facesOf({ identity: 'Bem' }, store.entries)).toThrow(/found 'Bem' \(nearest: 'Ben'/)
  })
})
