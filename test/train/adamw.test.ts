import * as tf from '@tensorflow/tfjs'
import { beforeAll, describe, expect, it } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { adamWStart, adamWStep, average, learningRate } from '../../src/train/adamw.ts'

beforeAll(() => useBackend('cpu'))

/** torch.optim.AdamW in float64, written down from its documentation, after torch.nn.utils.clip_grad_norm_. */
function reference(weights: number[], gradients: number[][], lr: number, decayed: boolean[]): number[] {
  const [beta1, beta2, epsilon, decay, clip] = [0.9, 0.999, 1e-8, 0.1, 1]
  const m = weights.map(() => 0)
  const v = weights.map(() => 0)
  let w = [...weights]
  gradients.forEach((raw, step) => {
    const norm = Math.hypot(...raw)
    const g = raw.map(x => x * Math.min(1, clip / (norm + 1e-6)))
    w = w.map((x, i) => {
      m[i] = beta1 * m[i]! + (1 - beta1) * g[i]!
      v[i] = beta2 * v[i]! + (1 - beta2) * g[i]! ** 2
      const mHat = m[i]! / (1 - beta1 ** (step + 1))
      const vHat = v[i]! / (1 - beta2 ** (step + 1))
      return x * (decayed[i] ? 1 - lr * decay : 1) - (lr * mHat) / (Math.sqrt(vHat) + epsilon)
    })
  })
  return w
}

describe('adamWStep', () => {
  it('takes the steps of AdamW with decoupled decay and clipping', async () => {
    const start = [0.5, -1.5, 2, 0.1]
    const gradients = [
      [0.1, -0.2, 0.05, 0],
      [3, 4, -1, 2],
      [-0.5, 0.1, 0.2, 1e-3],
    ]
    const decayed = [true, true, false, false]
    const mask = tf.tensor1d(decayed.map(Number))
    let weights = tf.tensor1d(start)
    let state = adamWStart(4)
    for (const g of gradients) {
      const options = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.1, clipNorm: 1 }
      ;({ weights, state } = adamWStep(weights, tf.tensor1d(g), state, {
        ...options,
        learningRate: 0.01,
        decayMask: mask,
      }))
    }
    const wanted = reference(start, gradients, 0.01, decayed)
    for (const [i, value] of (await weights.data()).entries()) expect(value).toBeCloseTo(wanted[i]!, 5)
  })
})

describe('learningRate', () => {
  const shape = { peak: 1, final: 0.1, warmup: 10, total: 110 }
  it('rises linearly to its peak, then falls along a cosine to its final value', () => {
    expect(learningRate(0, shape)).toBeCloseTo(0.1)
    expect(learningRate(9, shape)).toBeCloseTo(1)
    expect(learningRate(10, shape)).toBeCloseTo(1)
    expect(learningRate(60, shape)).toBeCloseTo(0.55)
    expect(learningRate(110, shape)).toBeCloseTo(0.1)
    expect(learningRate(500, shape)).toBeCloseTo(0.1)
  })
})

describe('average', () => {
  it('follows closely at first and slowly later', async () => {
    const [zero, one] = [tf.tensor1d([0]), tf.tensor1d([1])]
    expect((await average(zero, one, 0.999, 0).data())[0]).toBeCloseTo(0.9)
    expect((await average(zero, one, 0.999, 100_000).data())[0]).toBeCloseTo(0.001)
  })
})
