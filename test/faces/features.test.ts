import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { loadFeatureNetwork, templateInFfhq } from '../../src/faces/features.ts'
import { clipImage } from '../../src/models/clip.ts'
import { withPrefix } from '../../src/models/module.ts'
import { cropResize } from '../../src/models/recognizers/recognizer.ts'
import { initialise } from '../../src/train/state.ts'
import { normal } from '../../src/util/random.ts'
import { saveWeights } from '../../src/weights/write-safetensors.ts'

const sizes = { width: 16, innerWidth: 32, layers: 4, heads: 2, imageSize: 28, patchSize: 14, states: [0, 1, 2, 3, 4] }

let folder: string
beforeAll(async () => {
  await useBackend('wasm')
  folder = await mkdtemp(join(tmpdir(), 'features-'))
})
afterAll(() => rm(folder, { recursive: true }))

describe('loadFeatureNetwork', () => {
  it("reads CLIP's hidden states, class token and patches, out of a checkpoint of the whole of CLIP", async () => {
    const weights = join(folder, 'clip.safetensors')
    await saveWeights(weights, withPrefix(initialise(clipImage(sizes).parameters, 1), 'vision_model.'))
    const config = { network: 'clip-vit-l-14', weights, sizes } as const
    const network = await loadFeatureNetwork(config, [16, 16, 16, 16, 16])
    const before = tf.memory().numTensors
    const faces = normal([2, 64, 64, 3], 1) as tf.Tensor4D
    const { embedding, features } = network.features(faces)
    expect(embedding.shape).toEqual([2, 16])
    expect(features.map(({ shape }) => shape)).toEqual(sizes.states.map(() => [2, 5, 16]))
    tf.dispose([faces, embedding, features])
    expect(tf.memory().numTensors).toBe(before)
    await expect(loadFeatureNetwork(config, [8, 16, 16, 16, 16])).rejects.toThrow(
      /expected msi.featureDims \[16, 16, 16, 16, 16\], as clip-vit-l-14 gives them, found \[8, 16/,
    )
  })

  it("reads dlib's activations", async () => {
    const network = await loadFeatureNetwork({ network: 'dlib' }, [32, 64, 128, 256, 256])
    const { embedding, features } = network.features(tf.zeros([1, 128, 128, 3]))
    expect(embedding.shape).toEqual([1, 128])
    expect(features.map(({ shape }) => shape.slice(1))).toEqual([
      [64, 32],
      [64, 64],
      [64, 128],
      [16, 256],
      [4, 256],
    ])
  })

  it('cuts the template out of faces in FFHQ alignment', async () => {
    const widths = [32, 64, 128, 256, 256]
    const [onTemplate, ffhq] = await Promise.all([
      loadFeatureNetwork({ network: 'dlib' }, widths),
      loadFeatureNetwork({ network: 'dlib', alignment: 'ffhq' }, widths),
    ])
    const faces = tf.image.resizeBilinear(normal([1, 16, 16, 3], 1) as tf.Tensor4D, [128, 128])
    const expected = onTemplate.features(cropResize(faces, templateInFfhq, 128)).embedding.dataSync()
    expect(ffhq.features(faces).embedding.dataSync()).toEqual(expected)
    expect(onTemplate.features(faces).embedding.dataSync()).not.toEqual(expected)
  })

  it('standardises channels by the statistics that it is given', async () => {
    const widths = [32, 64, 128, 256, 256]
    const statistics = join(folder, 'statistics.safetensors')
    const tensors = widths.flatMap((width, k) => [
      [`features.${k}.mean`, tf.fill([width], k + 1)] as const,
      [`features.${k}.deviation`, tf.fill([width], 2)] as const,
    ])
    await saveWeights(statistics, Object.fromEntries(tensors))
    const [plain, standard] = await Promise.all([
      loadFeatureNetwork({ network: 'dlib' }, widths),
      loadFeatureNetwork({ network: 'dlib', statistics }, widths),
    ])
    const faces = normal([1, 128, 128, 3], 1) as tf.Tensor4D
    const [before, after] = [plain, standard].map(network => network.features(faces))
    expect(after!.embedding.dataSync()).toEqual(before!.embedding.dataSync())
    for (const [k, scale] of before!.features.entries()) {
      const expected = tf.div(tf.sub(scale, k + 1), 2).dataSync()
      expect(after!.features[k]!.dataSync()).toEqual(expected)
    }
  })
})
