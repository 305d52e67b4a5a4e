import * as tf from '@tensorflow/tfjs'
import { beforeAll, expect, test } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { addNoise } from '../../src/diffusion/ddim.ts'
import { gaussianDenoiser } from '../../src/models/gaussian-denoiser.ts'
import { normal } from '../../src/util/random.ts'

beforeAll(() => useBackend('wasm'))

test('of standard normal latents it predicts the noise as well as anything can', () => {
  tf.tidy(() => {
    const alphasCumprod = Float64Array.of(0.99, 0.5, 0.1)
    const denoise = gaussianDenoiser(alphasCumprod)
    const [clean, noise] = ['clean', 'noise'].map(name => normal([3, 400, 1, 16], 7, name) as tf.Tensor4D)
    for (const [t, alpha] of alphasCumprod.entries()) {
      const noisy = addNoise(clean!, noise!, alpha)
      const predicted = denoise({}, noisy, tf.fill([3], t) as tf.Tensor1D, tf.zeros([3, 1, 1]))
      // The least mean squared error is the noise's conditional variance, abar.
      expect(tf.mean(tf.squaredDifference(predicted, noise!)).dataSync()[0]! / alpha).toBeCloseTo(1, 1)
    }
  })
})
