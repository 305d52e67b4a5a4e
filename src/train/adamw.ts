import * as tf from '@tensorflow/tfjs'
import { fused } from '../backend/fused.ts'

export interface AdamWOptions {
  readonly beta1: number
  readonly beta2: number
  readonly epsilon: number
  readonly weightDecay: number
  /** Gradients longer than this (global L2 norm) are scaled down to it. */
  readonly clipNorm: number
}

/** First and second moments and the number of steps taken. Vectors are the optimizer's own; see WeightVector. */
export interface AdamWState {
  readonly step: number
  readonly first: tf.Tensor1D
  readonly second: tf.Tensor1D
}

/** No steps taken, moments of zero. */
export function adamWStart(length: number): AdamWState {
  return { step: 0, first: tf.zeros([length]), second: tf.zeros([length]) }
}

/** What a step has besides. */
export interface AdamWStepOptions extends AdamWOptions {
  readonly learningRate: number
  /** [length], 1 where weight decay applies. */
  readonly decayMask: tf.Tensor1D
}

/**
 * One step of AdamW (Loshchilov and Hutter, algorithm 2, as in torch.optim.AdamW) after clipping by global norm.
 * @param weights [length]
 * @param gradient [length]
 * @returns new weights and state; the caller disposes of the old ones
 */
export function adamWStep(
  weights: tf.Tensor1D,
  gradient: tf.Tensor1D,
  state: AdamWState,
  { learningRate, decayMask, ...options }: AdamWStepOptions,
): { weights: tf.Tensor1D; state: AdamWState; gradientNorm: tf.Scalar } {
  const { beta1, beta2, epsilon, weightDecay, clipNorm } = options
  const step = state.step + 1
  // m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + epsilon) and the learning rate, their constants gathered.
  const correction = Math.sqrt(1 - beta2 ** step)
  const rate = (learningRate * correction) / (1 - beta1 ** step)
  const kernel = fused('AdamW')
  if (kernel) {
    const options = tf.tensor1d([beta1, beta2, epsilon * correction, rate, learningRate * weightDecay, clipNorm])
    const inputs = { weights, gradient, first: state.first, second: state.second, mask: decayMask, options }
    const [next, first, second, gradientNorm] = kernel(inputs, {}) as [tf.Tensor1D, tf.Tensor1D, tf.Tensor1D, tf.Scalar]
    options.dispose()
    return { weights: next, state: { step, first, second }, gradientNorm }
  }
  const [next, first, second, gradientNorm] = tf.tidy(() => {
    const squares = tf.square(gradient)
    const norm = tf.sqrt(tf.sum(squares)) as tf.Scalar
    const clip = tf.minimum(1, tf.div(clipNorm, tf.add(norm, 1e-6)))
    const first = tf.add(tf.mul(state.first, beta1), tf.mul(gradient, tf.mul(clip, 1 - beta1)))
    const second = tf.add(tf.mul(state.second, beta2), tf.mul(squares, tf.mul(tf.square(clip), 1 - beta2)))
    const update = tf.mul(tf.div(first, tf.add(tf.sqrt(second), epsilon * correction)), rate)
    const kept = weightDecay > 0 ? tf.mul(weights, tf.sub(1, tf.mul(decayMask, learningRate * weightDecay))) : weights
    return [tf.sub(kept, update), first, second, norm] as [tf.Tensor1D, tf.Tensor1D, tf.Tensor1D, tf.Scalar]
  })
  return { weights: next, state: { step, first, second }, gradientNorm }
}

/** Linear warm-up over `warmup` steps, then a cosine from `peak` to `final` at step `total` (Loshchilov and Hutter, SGDR). */
export function learningRate(
  step: number,
  { peak, final, warmup, total }: { peak: number; final: number; warmup: number; total: number },
): number {
  if (step < warmup) return (peak * (step + 1)) / warmup
  const progress = Math.min(1, (step - warmup) / Math.max(1, total - warmup))
  return final + ((peak - final) * (1 + Math.cos(Math.PI * progress))) / 2
}

/** Exponential moving average with the usual warm-up of the decay, min(decay, (1 + step) / (10 + step)). */
export function average(ema: tf.Tensor1D, weights: tf.Tensor1D, decay: number, step: number): tf.Tensor1D {
  const d = Math.min(decay, (1 + step) / (10 + step))
  return tf.tidy(() => {
    const blend = fused('Blend')?.({ from: ema, to: weights, share: tf.scalar(1 - d) }, {})
    return (blend?.[0] as tf.Tensor1D) ?? tf.add(ema, tf.mul(tf.sub(weights, ema), 1 - d))
  })
}
