import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as tf from '@tensorflow/tfjs'
import { beforeAll, describe, expect, it } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { readImage, resizeImage } from '../../src/images/codec.ts'
import { toTensor } from '../../src/images/image.ts'
import { splitMoments } from '../../src/models/autoencoder.ts'
import { tinyAutoencoder } from '../../src/models/autoencoder-tiny.ts'
import { checkGolden, passes } from '../../src/parity/checkers.ts'
import { autoencoderLayout } from '../../src/weights/layouts/stable-diffusion.ts'
import { loadWeights } from '../../src/weights/load.ts'
import { withTensorFile } from '../../src/weights/open.ts'
import { usableBackends } from './backends.ts'

describe.each(usableBackends)('a tiny autoencoder on %s', backend => {
  beforeAll(() => useBackend(backend))

  it('computes what PyTorch computes, latent gradient included, and keeps no tensor', async () => {
    const golden = JSON.parse(await readFile(new URL('../golden/autoencoder-tiny.json', import.meta.url), 'utf8'))
    const before = tf.memory().numTensors
    for (const check of await checkGolden(golden, async () => golden)) expect(check).toSatisfy(passes)
    expect(tf.memory().numTensors).toBe(before)
  })
})

/** The folder of taef2_encoder.pth and taef2_decoder.pth, which are published PyTorch files. */
const folder = process.env.DIFF_PRIVACY_TAEF2 ?? ''
const present = existsSync(join(folder, 'taef2_encoder.pth'))
if (!present) console.log('TAEF2 is not tested: DIFF_PRIVACY_TAEF2 does not name the folder of taef2_encoder.pth')

describe.runIf(present)('TAEF2 from its published files', () => {
  const { encode, decode } = tinyAutoencoder({ latentChannels: 32, width: 64, blocks: 3, groupNorm: true })
  const shapes = { ...encode.parameters, ...decode.parameters }
  beforeAll(() => useBackend())

  it('has exactly the tensors that the network names', async () => {
    const found = await withTensorFile(folder, ({ tensors }) =>
      Object.fromEntries([...tensors].map(([name, { shape }]) => [name, shape])),
    )
    expect(found).toEqual(shapes)
  })

  it('brings a portrait back at 30 dB or better', async () => {
    const path = process.env.DIFF_PRIVACY_PORTRAIT
    const sample = join(
      dirname(fileURLToPath(import.meta.resolve('@vladmandic/face-api/package.json'))),
      'demo/sample1.jpg',
    )
    const image = await resizeImage(await readImage(path ?? sample), 256, 256)
    const weights = await loadWeights(folder, shapes, { layout: autoencoderLayout, strict: true })
    const error = tf.tidy(() => {
      const x = toTensor(image)
      const { mean } = splitMoments(encode(weights, x))
      const y = tf.clipByValue(decode(weights, mean), -1, 1)
      return tf.mean(tf.squaredDifference(x, y)).dataSync()[0]!
    })
    tf.dispose(Object.values(weights))
    const decibels = -10 * Math.log10(error / 4) // the peak is 2
    console.log(`TAEF2 brings ${path ?? 'sample1.jpg'} back at ${decibels.toFixed(2)} dB`)
    expect(decibels).toBeGreaterThan(30)
  })
})
