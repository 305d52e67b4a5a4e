import * as tf from '@tensorflow/tfjs'
import { describe, expect, it } from 'vitest'
import { fused } from '../../src/backend/fused.ts'
import { useBackend } from '../../src/backend/index.ts'
import { modulatedSeparable } from '../../src/models/ops/depthwise.ts'
import { inverseHaar } from '../../src/models/ops/haar.ts'
import { layerNorm } from '../../src/models/ops/normalization.ts'
import { adamWStart, adamWStep } from '../../src/train/adamw.ts'
import { normal } from '../../src/util/random.ts'
import { usableBackends } from '../models/backends.ts'

// More threads than cores come to the end in any order. Read when the library is loaded.
process.env.OMP_NUM_THREADS = '7'
if (usableBackends.includes('tensorflow')) await useBackend('tensorflow')

/** The bits of what `compute` gives, of each of twenty times. */
async function bits(compute: () => tf.Tensor[]): Promise<Set<string>> {
  const found = new Set<string>()
  for (let i = 0; i < 20; i++) {
    const tensors = compute()
    const data = await Promise.all(
      tensors.map(async tensor => Buffer.from((await tensor.data()).slice().buffer).toString('hex')),
    )
    tf.dispose(tensors)
    found.add(data.join())
  }
  return found
}

describe.runIf(fused('AdamW'))('fused kernels on seven threads', () => {
  it('sum in one order: the length of a gradient', async () => {
    const length = 1_000_003
    const [weights, gradient] = [tf.zeros([length]) as tf.Tensor1D, normal([length], 1, 'gradient') as tf.Tensor1D]
    const options = { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0, clipNorm: 1 }
    const [state, mask] = [adamWStart(length), tf.ones([length]) as tf.Tensor1D]
    const norm = () => {
      const {
        weights: next,
        state: moments,
        gradientNorm,
      } = adamWStep(weights, gradient, state, { ...options, learningRate: 1e-3, decayMask: mask })
      tf.dispose([next, moments.first, moments.second])
      return [gradientNorm]
    }
    expect((await bits(norm)).size).toBe(1)
    let squares = 0
    for (const value of await gradient.data()) squares += value ** 2
    const [found] = norm()
    expect((await found!.data())[0]).toBeCloseTo(Math.sqrt(squares), 1)
  })

  it('sum in one order: the gradients of layer normalisation', async () => {
    const [x, weight, bias] = [normal([5001, 96], 1, 'x'), normal([96], 1, 'weight'), normal([96], 1, 'bias')]
    const dy = normal([5001, 96], 1, 'dy')
    const gradients = () =>
      tf.grads((...of: tf.Tensor[]) => layerNorm(of[0]!, of[1]!, of[2]!, 1e-5))([x, weight, bias], dy)
    expect((await bits(gradients)).size).toBe(1)
  })

  it('sum in one order: the gradients of scales, which images of few rows share', async () => {
    const [x, scale] = [normal([1, 33, 30, 64], 1, 'x'), normal([1, 64], 1, 'scale')] as [tf.Tensor4D, tf.Tensor2D]
    const weights = {
      depthwise: normal([3, 3, 64, 1], 1, 'depthwise') as tf.Tensor4D,
      pointwise: normal([64, 96], 1, 'pointwise') as tf.Tensor2D,
      noise: normal([1, 33, 30, 1], 1, 'noise') as tf.Tensor4D,
      bias: normal([96], 1, 'bias'),
    }
    const convolved = (...of: tf.Tensor[]) => modulatedSeparable(of[0] as tf.Tensor4D, of[1] as tf.Tensor2D, weights)
    const dy = normal([1, 33, 30, 96], 1, 'dy')
    expect((await bits(() => tf.grads(convolved)([x, scale], dy))).size).toBe(1)
    const transformed = (...of: tf.Tensor[]) => inverseHaar(of[0] as tf.Tensor4D, of[1] as tf.Tensor2D)
    const pixels = normal([1, 66, 60, 16], 1, 'pixels')
    expect((await bits(() => tf.grads(transformed)([x, scale], pixels))).size).toBe(1)
  })
})
