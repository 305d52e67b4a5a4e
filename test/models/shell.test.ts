import * as tf from '@tensorflow/tfjs'
import { beforeAll, describe, expect, it } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { clampToShell, shellEnergy } from '../../src/models/generator/latent-space.ts'
import { normal } from '../../src/util/random.ts'
import { expectGradient } from '../energies/gradients.ts'
import { usableBackends } from './backends.ts'

/** Two latents of three rows of the given root-mean-squares. */
const latents = (rows: readonly number[]) =>
  tf.tidy(() => {
    const x = normal([2, 3, 1, 512], 4)
    const unit = tf.div(x, tf.sqrt(tf.mean(tf.square(x), 3, true)))
    return tf.mul(unit, tf.tensor4d([...rows], [2, 3, 1, 1])) as tf.Tensor4D
  })

describe.each([...usableBackends, 'cpu'])('on %s', backend => {
  beforeAll(() => useBackend(backend))

  it('is zero inside of the shell and grows beyond it', async () => {
    const values = await shellEnergy(latents([0.5, 0.9, 1, 1, 2, Math.SQRT2])).data()
    expect(values[0]).toBeLessThan(1e-10)
    expect(values[1]).toBeCloseTo(3 ** 2 + 1, 3)
  })

  it('has the gradient of finite differences', () =>
    expectGradient(shellEnergy, latents([0.5, 1.2, 1.5, 0.9, 2, 1.1]), { step: 0.05, within: 0.01 }))

  it('clamping brings rows back to the shell and leaves those inside as they are', async () => {
    const x = latents([0.5, 1.2, 3, 0.9, 2, 1])
    const clamped = clampToShell(x, 1.44)
    const norms = await tf.sqrt(tf.mean(tf.square(clamped), 3)).data()
    for (const [i, norm] of [0.5, 1.2, 1.2, 0.9, 1.2, 1].entries()) expect(norms[i]).toBeCloseTo(norm, 4)
    const directions = await tf.sum(tf.mul(x, clamped), 3).data()
    expect(Math.min(...directions)).toBeGreaterThan(0)
    expect((await tf.max(tf.abs(tf.sub(clampToShell(x, 9.1), x))).data())[0]).toBeLessThan(1e-6)
  })
})
