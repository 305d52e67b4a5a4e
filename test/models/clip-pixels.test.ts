import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import * as tf from '@tensorflow/tfjs'
import { beforeAll, describe, expect, it } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { clipCrop, clipPixels } from '../../src/models/clip-pixels.ts'
import { checkClipPixels, largestDifference, preparedBytes } from '../../src/parity/check-clip.ts'
import { usableBackends } from './backends.ts'

describe.each(usableBackends)('on %s', backend => {
  beforeAll(() => useBackend(backend))

  it('is within one grey level of the reference, whatever the size', async () => {
    const golden = await readFile(new URL('../golden/clip-pixels.json', import.meta.url), 'utf8')
    const before = tf.memory().numTensors
    const checks = await checkClipPixels(JSON.parse(golden))
    expect(tf.memory().numTensors).toBe(before)
    expect(checks).toHaveLength(7)
    for (const { what, relativeError } of checks) expect(relativeError, what).toBeLessThanOrEqual(1)
  })

  it("normalises by CLIP's mean and deviation", async () => {
    const pixels = clipPixels(tf.fill([2, 8, 8, 3], 1), 4)
    expect(pixels.shape).toEqual([2, 4, 4, 3])
    const white = [...(await pixels.data())].slice(0, 3)
    white.forEach((value, i) => void expect(value).toBeCloseTo([1.93034, 2.07488, 2.1459][i]!, 4))
  })

  it('has the gradient of finite differences', () => {
    const x = tf.randomUniform([1, 9, 7, 3], -0.5, 0.5, 'float32', 7) as tf.Tensor4D
    const direction = tf.randomUniform([1, 9, 7, 3], -1, 1, 'float32', 8) as tf.Tensor4D
    const loss = (x: tf.Tensor) => tf.sum(tf.square(clipPixels(x as tf.Tensor4D, 5))) as tf.Scalar
    const slope = tf.sum(tf.mul(tf.grad(loss)(x), direction)).dataSync()[0]!
    const at = (by: number) => loss(tf.add(x, tf.mul(direction, by))).dataSync()[0]!
    expect((at(0.01) - at(-0.01)) / 0.02 / slope).toBeCloseTo(1, 2)
  })
})

it('cuts the middle out of the longer side', async () => {
  await useBackend('cpu')
  const ramp = tf.tile(tf.reshape(tf.linspace(-1, 1, 9), [1, 1, 9, 1]), [1, 4, 1, 3]) as tf.Tensor4D
  const row = (await clipCrop(ramp, 4).data()).filter((_, i) => i < 12 && i % 3 === 0)
  // Two columns of nine go on the left and three on the right.
  expect([...row].map(value => Math.round(value * 4) / 4)).toEqual([-0.5, -0.25, 0, 0.25])
})

/** A folder of photos to compare on, and a Python that has transformers 5.23.0 and Pillow 13.0.0. */
const photos = process.env.DIFF_PRIVACY_PHOTOS

describe.skipIf(!photos)('real photos', () => {
  it('are within one grey level of the reference', async () => {
    await useBackend('wasm')
    const script = fileURLToPath(new URL('../golden/clip-pixels.py', import.meta.url))
    const { stdout } = await promisify(execFile)('python3', [script, photos!], { maxBuffer: 2 ** 30 })
    const lines = stdout.trim().split('\n')
    for (const line of lines) {
      const { name, width, height, picture, prepared } = JSON.parse(line)
      const ours = await preparedBytes(Buffer.from(picture, 'base64'), width, height, 224)
      expect(largestDifference(ours, Buffer.from(prepared, 'base64')), name).toBeLessThanOrEqual(1)
    }
  })
})
if (!photos) console.log('clip-pixels: no comparison on photos, DIFF_PRIVACY_PHOTOS names no folder of them')
