import * as tf from '@tensorflow/tfjs'
import { beforeAll, describe, expect, it } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { type Refinement, refineLatents } from '../../src/models/latent-optimization.ts'

const refinement: Refinement = { steps: 8, rate: 0.1, featureWeight: 0.1 }

describe.each(['wasm', 'cpu'] as const)('on %s', backend => {
  const noise = (shape: number[], seed: number) => tf.randomUniform(shape, -1, 1, 'float32', seed)
  /** A decoder of 2 x 2 pixels for each latent pixel, and features that are not the pixels themselves. */
  const decode = (z: tf.Tensor4D) => tf.tanh(tf.conv2dTranspose(z, filter, [z.shape[0], 8, 8, 3], 2, 'same'))
  const features = (x: tf.Tensor4D) => [tf.relu(tf.avgPool(x, 2, 2, 'valid')), tf.square(x)] as tf.Tensor4D[]
  let filter: tf.Tensor4D
  let images: tf.Tensor4D
  let latents: tf.Tensor4D
  beforeAll(async () => {
    await useBackend(backend)
    filter = noise([2, 2, 3, 4], 1) as tf.Tensor4D
    images = decode(noise([3, 4, 4, 4], 2) as tf.Tensor4D) as tf.Tensor4D
    latents = noise([3, 4, 4, 4], 3) as tf.Tensor4D
  })
  const refine = (options: Partial<Refinement>, z = latents, x = images) =>
    refineLatents(z, x, decode as never, features, { ...refinement, ...options })
  const error = (z: tf.Tensor4D) => tf.mean(tf.square(tf.sub(decode(z), images)), [1, 2, 3]).arraySync() as number[]

  it('brings every image nearer to what its latent decodes to, and leaks nothing', () => {
    const before = tf.memory().numTensors
    const refined = refine({})
    expect(tf.memory().numTensors).toBe(before + 1)
    const [first, last] = [error(latents), error(refined)]
    for (const [i, value] of last.entries()) expect(value).toBeLessThan(0.7 * first[i]!)
  })

  it('goes as far as the rate in its first step, down the gradient', () => {
    const moved = tf.sub(refine({ steps: 1, featureWeight: 0 }), latents)
    const gradient = tf.grad(z => tf.sum(tf.mean(tf.square(tf.sub(decode(z as tf.Tensor4D), images)), [1, 2, 3])))(
      latents,
    )
    const [steps, slopes] = [moved.dataSync(), gradient.dataSync()]
    // Adam's first step is the gradient's sign times the rate, but for its epsilon.
    for (const [i, step] of steps.entries())
      if (Math.abs(slopes[i]!) > 1e-5) expect(step).toBeCloseTo(-0.1 * Math.sign(slopes[i]!), 3)
  })

  it('refines each image by itself', () => {
    const together = refine({}).arraySync()
    const one = (x: tf.Tensor4D) => tf.slice(x, [1, 0, 0, 0], [1, -1, -1, -1])
    const alone = refine({}, one(latents), one(images)).dataSync()
    const same = tf.tensor(together[1]!).dataSync()
    for (const [i, value] of alone.entries()) expect(value).toBeCloseTo(same[i]!, 4)
  })

  it('heeds features as much as they weigh', () => {
    const apart = (z: tf.Tensor4D) =>
      tf.mean(tf.square(tf.sub(features(decode(z) as tf.Tensor4D)[1]!, features(images)[1]!))).dataSync()[0]!
    expect(apart(refine({ featureWeight: 1 }))).toBeLessThan(apart(refine({ featureWeight: 0 })))
  })
})
