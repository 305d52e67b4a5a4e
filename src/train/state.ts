/** A training run in memory: everything that the next step depends on, each set of tensors as one vector. */
import * as tf from '@tensorflow/tfjs'
import { type AdamWOptions, type AdamWState, adamWStart, adamWStep, average } from './adamw.ts'
import { disposeState, type TrainingState } from './checkpoint.ts'
import { initialise } from './initialise.ts'
import type { TrainingTask } from './task.ts'
import type { WeightVector } from './vector.ts'

export interface RunState {
  readonly weights: tf.Tensor1D
  readonly average: tf.Tensor1D
  /** Its `step` is the number of steps taken. */
  readonly adam: AdamWState
}

/** A run before its first step. */
export function initialState(
  { parameters, zero, start }: Pick<TrainingTask, 'parameters' | 'zero' | 'start'>,
  vector: WeightVector,
  seed: number,
): RunState {
  const weights = tf.tidy(() => vector.join({ ...initialise(parameters, seed, zero), ...start }))
  return { weights, average: weights.clone(), adam: adamWStart(vector.length) }
}

/** A run after `step` steps, from its checkpoint's tensors, which are disposed of. */
export function restoredState(state: TrainingState, step: number, vector: WeightVector): RunState {
  const restored = {
    weights: vector.join(state.weights),
    average: vector.join(state.average),
    adam: { step, first: vector.join(state.first), second: vector.join(state.second) },
  }
  disposeState(state)
  return restored
}

/** The tensors of a checkpoint; the caller disposes of them. */
export function namedState({ weights, average, adam }: RunState, vector: WeightVector): TrainingState {
  return {
    weights: vector.split(weights),
    average: vector.split(average),
    first: vector.split(adam.first),
    second: vector.split(adam.second),
  }
}

/**
 * The run one step further; the old state stays the caller's.
 * @param gradient [length]
 * @param decayMask [length], 1 where weight decay applies
 */
export function advance(
  state: RunState,
  gradient: tf.Tensor1D,
  learningRate: number,
  { optimizer, averageDecay }: { readonly optimizer: AdamWOptions; readonly averageDecay: number },
  decayMask: tf.Tensor1D,
): { state: RunState; gradientNorm: tf.Scalar } {
  const {
    weights,
    state: adam,
    gradientNorm,
  } = adamWStep(state.weights, gradient, state.adam, learningRate, optimizer, decayMask)
  return {
    state: { weights, average: average(state.average, weights, averageDecay, state.adam.step), adam },
    gradientNorm,
  }
}

/** Disposes of a state's tensors. */
export function disposeRun({ weights, average, adam }: RunState): void {
  tf.dispose([weights, average, adam.first, adam.second])
}
