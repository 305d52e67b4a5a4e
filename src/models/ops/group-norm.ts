/**
 * Group normalisation folded into one scale and one shift per (sample, channel), with a closed-form gradient that also
 * covers a SiLU behind it. tfjs has no group norm; written as moments + sub + mul + mul + add it is eight memory passes
 * forward and more backward.
 */
import * as tf from '@tensorflow/tfjs'

/** torch.nn.functional.group_norm on [n, h, w, c] with affine weight and bias [c]. */
export function groupNorm(
  x: tf.Tensor4D,
  weight: tf.Tensor1D,
  bias: tf.Tensor1D,
  groups: number,
  epsilon: number,
): tf.Tensor4D {
  return normalise(x, weight, bias, groups, epsilon, false)
}

/** silu(group_norm(x)) in one closed-form operation. */
export function groupNormSilu(
  x: tf.Tensor4D,
  weight: tf.Tensor1D,
  bias: tf.Tensor1D,
  groups: number,
  epsilon: number,
): tf.Tensor4D {
  return normalise(x, weight, bias, groups, epsilon, true)
}

function normalise(
  x: tf.Tensor4D,
  weight: tf.Tensor1D,
  bias: tf.Tensor1D,
  groups: number,
  epsilon: number,
  silu: boolean,
): tf.Tensor4D {
  const [n, h, w, c] = x.shape
  const perGroup = c / groups
  if (!Number.isInteger(perGroup)) throw new Error(`groupNorm: ${c} channels do not divide into ${groups} groups`)
  const count = h * w * perGroup

  /** Sums over the channels of each group, spread back over them: [n, 1, 1, c] -> [n, 1, 1, c]. */
  const groupSum = (t: tf.Tensor): tf.Tensor => {
    const sums = tf.sum(tf.reshape(t, [n, groups, perGroup]), 2, true)
    return tf.reshape(tf.tile(sums, [1, 1, perGroup]), [n, 1, 1, c])
  }
  const overPixels = (t: tf.Tensor): tf.Tensor => tf.sum(t, [1, 2], true) // [n, 1, 1, c]

  const op = tf.customGrad((...args) => {
    const [x, weight, bias] = args as tf.Tensor[] as [tf.Tensor4D, tf.Tensor1D, tf.Tensor1D]
    const save = args.at(-1) as unknown as tf.GradSaveFunc
    // The two-pass variance: E[x^2] - mean^2 loses digits when the mean is large.
    const centred = tf.sub(x, tf.div(groupSum(overPixels(x)), count))
    const inverse = tf.rsqrt(tf.add(tf.div(groupSum(overPixels(tf.square(centred))), count), epsilon)) // [n, 1, 1, c]
    const y = tf.add(tf.mul(centred, tf.mul(inverse, weight)), bias) as tf.Tensor4D
    const s = silu ? tf.sigmoid(y) : undefined
    const out = s ? (tf.mul(y, s) as tf.Tensor4D) : y
    save([centred, inverse, weight, ...(s ? [s, out] : [])])
    return {
      value: out,
      gradFunc: (dOut: tf.Tensor4D, saved: tf.Tensor[]) => {
        const [centred, inverse, weight, s, out] = saved as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor?, tf.Tensor?]
        // silu'(y) = s (1 + y (1 - s)) = out + s (1 - out)
        const dy = s && out ? tf.mul(dOut, tf.add(out, tf.mul(s, tf.sub(1, out)))) : dOut
        const sumDy = overPixels(dy) // [n, 1, 1, c]
        const sumDyxhat = tf.mul(overPixels(tf.mul(dy, centred)), inverse)
        // dx = inverse (weight dy - mean(weight dy) - xhat mean(weight dy xhat)), xhat = centred inverse
        const meanDy = tf.div(groupSum(tf.mul(sumDy, weight)), count)
        const meanDyxhat = tf.div(groupSum(tf.mul(sumDyxhat, weight)), count)
        const dx = tf.sub(
          tf.sub(tf.mul(dy, tf.mul(weight, inverse)), tf.mul(centred, tf.mul(meanDyxhat, tf.square(inverse)))),
          tf.mul(meanDy, inverse),
        )
        return [dx, tf.reshape(tf.sum(sumDyxhat, 0), [c]), tf.reshape(tf.sum(sumDy, 0), [c])]
      },
    }
  })
  return op(x, weight, bias) as tf.Tensor4D
}
