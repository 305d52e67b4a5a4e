import * as tf from '@tensorflow/tfjs'
import { beforeAll, expect, it } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import type { Denoiser } from '../../src/diffusion/ddim.ts'
import { perturbedAttentionGuidance } from '../../src/diffusion/guidance.ts'
import { distance, noise, smooth } from './synthetic.ts'

beforeAll(() => useBackend('cpu'))

const perturbed: Denoiser = (z, timestep) => tf.tidy(() => tf.mul(smooth(z, timestep), 0.75) as tf.Tensor4D)

it('goes from the perturbed prediction through the other, and as far again for a scale of 1', () => {
  const z = noise('z')
  const before = tf.memory().numTensors
  const guided = perturbedAttentionGuidance(smooth, perturbed, 1)(z, 400)
  expect(tf.memory().numTensors).toBe(before + 1)
  expect(distance(guided, tf.mul(smooth(z, 400), 1.25))).toBeLessThan(1e-6)
})

it('does not ask the perturbed network where the scale is 0', () => {
  const never: Denoiser = () => {
    throw new Error('asked')
  }
  const z = noise('z')
  expect(distance(perturbedAttentionGuidance(smooth, never, 0)(z, 400), smooth(z, 400))).toBe(0)
})
