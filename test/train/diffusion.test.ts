import * as tf from '@tensorflow/tfjs'
import { beforeAll, expect, test } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { noiseSchedule } from '../../src/diffusion/schedule.ts'
import type { LatentDiffusion } from '../../src/models/latent-diffusion.ts'
import { lossWeight, noisePredictionLoss } from '../../src/train/tasks/diffusion.ts'

beforeAll(() => useBackend('cpu'))

const schedule = noiseSchedule()

test('a timestep counts less where its signal-to-noise ratio is above gamma, and as its clean latent counts there', () => {
  const gamma = 5
  for (let t = 0; t < schedule.steps; t += 37) {
    const alpha = schedule.alphasCumprod[t]!
    const ratio = alpha / (1 - alpha)
    // Hang et al. 2023: the weight of the clean latent's error is min(SNR, gamma), and that error is the noise's over SNR.
    expect(lossWeight(schedule, t, gamma)).toBeCloseTo(Math.min(ratio, gamma) / ratio, 10)
    expect(lossWeight(schedule, t)).toBe(1)
  }
  expect(lossWeight(schedule, 0, gamma)).toBeLessThan(0.01)
  expect(lossWeight(schedule, 999, gamma)).toBe(1)
})

test('the loss is the mean squared error, each timestep with its weight', () => {
  // Predicts no noise at all, so that errors are the squares of the noise.
  const unet = ((_: unknown, z: tf.Tensor4D) => tf.zerosLike(z)) as unknown as LatentDiffusion['unet']
  const latents = tf.zeros([2, 16, 16, 8]) as tf.Tensor4D
  const context = tf.zeros([2, 1, 4]) as tf.Tensor3D
  const loss = (weight?: (t: number) => number) =>
    noisePredictionLoss(
      unet,
      {},
      schedule,
      { latents, timesteps: [100, 900], context },
      { seed: 1, step: 1, weight },
    ).dataSync()[0]!
  expect(loss()).toBeCloseTo(1, 1)
  const [first, second] = [loss(t => (t === 100 ? 1 : 0)), loss(t => (t === 900 ? 1 : 0))]
  expect(first + second).toBeCloseTo(loss(), 5)
  expect(loss(t => (t === 100 ? 0.25 : 1))).toBeCloseTo(first / 4 + second, 5)
})

test('as a loss of velocity it is the squared error of v, where the noise is what z_t leaves of it', () => {
  for (const t of [3, 500, 999]) {
    const alpha = schedule.alphasCumprod[t]!
    // z_t given, eps = sqrt(1 - abar) z_t + sqrt(abar) v: its error is sqrt(abar) times that of v.
    const [z, v, predicted] = [0.3, 0.7, -0.4]
    const noise = (v: number) => Math.sqrt(1 - alpha) * z + Math.sqrt(alpha) * v
    const error = (noise(predicted) - noise(v)) ** 2
    expect(error * lossWeight(schedule, t, undefined, 'velocity')).toBeCloseTo((predicted - v) ** 2, 8)
    expect(lossWeight(schedule, t, 5, 'velocity') * alpha).toBeCloseTo(lossWeight(schedule, t, 5), 10)
  }
})
