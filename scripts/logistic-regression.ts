/** Multinomial logistic regression for the scripts that fit classifiers. */
import * as tf from '@tensorflow/tfjs'

export interface LinearModel {
  /** [d, classes] */
  readonly weights: Float32Array
  /** [classes] */
  readonly bias: Float32Array
}

/**
 * Softmax regression with L2 decay, by Adam over all rows at once.
 * @param features n rows of d numbers
 * @param classes the class of each row
 */
export function logisticRegression(
  features: readonly (readonly number[])[],
  classes: readonly number[],
  count: number,
  { decay, iterations, rate }: { decay: number; iterations: number; rate: number },
): LinearModel {
  return tf.tidy(() => {
    const x = tf.tensor2d(features as number[][])
    const y = tf.oneHot(tf.tensor1d([...classes], 'int32'), count)
    const weights = tf.variable(tf.zeros([x.shape[1], count]) as tf.Tensor2D)
    const bias = tf.variable(tf.zeros([count]))
    const adam = tf.train.adam(rate)
    for (let i = 0; i < iterations; i++) {
      adam.minimize(() => {
        const loss = tf.losses.softmaxCrossEntropy(y, tf.add(tf.matMul(x, weights), bias))
        return tf.add(loss, tf.mul(tf.sum(tf.square(weights)), decay)) as tf.Scalar
      })
    }
    return { weights: weights.dataSync() as Float32Array, bias: bias.dataSync() as Float32Array }
  })
}

/** Logits of one row. */
export function logits({ weights, bias }: LinearModel, row: readonly number[]): number[] {
  return Array.from(bias, (value, k) => row.reduce((sum, x, i) => sum + x * weights[i * bias.length + k]!, value))
}
