/**
 * Group normalisation folded into one scale and one shift per (sample, channel), with a closed-form gradient that also
 * covers a SiLU behind it. tfjs has no group norm; written as moments + sub + mul + mul + add it is eight memory passes
 * forward and more backward.
 */
import * as tf from '@tensorflow/tfjs'
import { fused } from '../../backend/fused.ts'
import { sumOverRows } from './affine.ts'
import { differentiable } from './differentiable.ts'

/** torch.nn.functional.group_norm on [n, h, w, c] with affine weight and bias [c]. */
export function groupNorm(
  x: tf.Tensor4D,
  weight: tf.Tensor1D,
  bias: tf.Tensor1D,
  groups: number,
  epsilon: number,
): tf.Tensor4D {
  return normalise(x, weight, bias, { groups, epsilon, silu: false })
}

/** silu(group_norm(x)) in one closed-form operation. */
export function groupNormSilu(
  x: tf.Tensor4D,
  weight: tf.Tensor1D,
  bias: tf.Tensor1D,
  groups: number,
  epsilon: number,
): tf.Tensor4D {
  return normalise(x, weight, bias, { groups, epsilon, silu: true })
}

function normalise(
  x: tf.Tensor4D,
  weight: tf.Tensor1D,
  bias: tf.Tensor1D,
  { groups, epsilon, silu }: { readonly groups: number; readonly epsilon: number; readonly silu: boolean },
): tf.Tensor4D {
  const [n, , , c] = x.shape
  const perGroup = c / groups
  if (!Number.isInteger(perGroup)) throw new Error(`groupNorm: ${c} channels do not divide into ${groups} groups`)

  const [kernel, gradient] = [fused('GroupNorm'), fused('GroupNormGradient')]
  if (kernel && gradient) {
    const options = { groups, epsilon, silu }
    return differentiable(
      { x, weight, bias },
      save => {
        const [y, mean, inverse] = kernel({ x, weight, bias }, options) as [tf.Tensor4D, tf.Tensor, tf.Tensor]
        save([x, weight, bias, mean, inverse])
        return y
      },
      (dy, saved) => {
        const [x, weight, bias, mean, inverse] = saved as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]
        const [dx, dWeight, dBias] = gradient({ dy, x, weight, bias, mean, inverse }, options)
        return { x: () => dx!, weight: () => dWeight!, bias: () => dBias! }
      },
    )
  }

  const overPixels = (t: tf.Tensor): tf.Tensor => tf.mean(t, [1, 2]) // [n, c]
  const byGroup = (t: tf.Tensor): tf.Tensor => tf.reshape(t, [-1, groups, perGroup])
  const groupMean = (t: tf.Tensor): tf.Tensor => tf.mean(t, 2, true) // [n, groups, perGroup] -> [n, groups, 1]
  const perChannel = (t: tf.Tensor): tf.Tensor => tf.reshape(t, [n, 1, 1, c])
  const spread = (t: tf.Tensor): tf.Tensor => perChannel(tf.tile(t, [1, 1, perGroup])) // of [n, groups, 1]

  return differentiable(
    { x, weight, bias },
    save => {
      // The two-pass variance: E[x^2] - mean^2 loses digits when the mean is large.
      const centred = tf.sub(x, spread(groupMean(byGroup(overPixels(x)))))
      const variance = groupMean(byGroup(overPixels(tf.square(centred))))
      const inverse = tf.rsqrt(tf.add(variance, epsilon)) // [n, groups, 1]
      const scale = tf.mul(inverse, byGroup(weight)) // [n, groups, perGroup]
      const y = tf.add(tf.mul(centred, perChannel(scale)), bias) as tf.Tensor4D
      const s = silu ? tf.sigmoid(y) : undefined
      const out = s ? (tf.mul(y, s) as tf.Tensor4D) : y
      save([centred, inverse, scale, weight, ...(s ? [s, out] : [])])
      return out
    },
    (dOut, saved) => {
      const [centred, inverse, scale, weight, s, out] = saved as tf.Tensor[] as [
        tf.Tensor4D,
        tf.Tensor,
        tf.Tensor,
        tf.Tensor1D,
        tf.Tensor?,
        tf.Tensor?,
      ]
      const pixels = centred.shape[1] * centred.shape[2]
      const [dy, meanDy, meanDyxhat] = tf.tidy(() => {
        // silu'(y) = s (1 + y (1 - s)) = out + s (1 - out)
        const dy = s && out ? tf.mul(dOut, tf.add(out, tf.mul(s, tf.sub(1, out)))) : dOut.clone()
        const meanDyxhat = tf.mul(byGroup(overPixels(tf.mul(dy, centred))), inverse)
        return [dy, byGroup(overPixels(dy)), meanDyxhat] // the last two [n, groups, perGroup]
      })
      const total = (t: tf.Tensor) => tf.reshape(tf.mul(tf.sum(t, 0), pixels), [c])
      return {
        // inverse (weight dy - mean(weight dy) - xhat mean(weight dy xhat)), xhat = centred inverse
        x: () => {
          const alongNormal = tf.mul(groupMean(tf.mul(meanDyxhat, byGroup(weight))), tf.square(inverse))
          const shift = groupMean(tf.mul(meanDy, scale))
          const straight = tf.mul(dy, perChannel(scale))
          return tf.sub(tf.sub(straight, tf.mul(centred, spread(alongNormal))), spread(shift))
        },
        weight: () => total(meanDyxhat),
        bias: () => total(meanDy),
      }
    },
  )
}

/**
 * torch.nn.functional.layer_norm over the last axis (Ba et al. 2016), with its gradient in closed form.
 * @param x [..., c]
 * @param weight [c]
 * @param bias [c]
 */
export function layerNorm(x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor, epsilon: number): tf.Tensor {
  const [kernel, gradient] = [fused('LayerNorm'), fused('LayerNormGradient')]
  if (kernel && gradient)
    return differentiable(
      { x, weight, bias },
      save => {
        const [y, mean, inverse] = kernel({ x, weight, bias }, { epsilon }) as [tf.Tensor, tf.Tensor, tf.Tensor]
        save([x, weight, mean, inverse])
        return y
      },
      (dy, saved) => {
        const [x, weight, mean, inverse] = saved as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]
        const [dx, dWeight, dBias] = gradient({ dy, x, weight, mean, inverse }, {})
        return { x: () => dx!, weight: () => dWeight!, bias: () => dBias! }
      },
    )

  const mean = (t: tf.Tensor) => tf.mean(t, -1, true)
  return differentiable(
    { x, weight, bias },
    save => {
      const centred = tf.sub(x, mean(x))
      const inverse = tf.rsqrt(tf.add(mean(tf.square(centred)), epsilon)) // [..., 1]
      const normal = tf.mul(centred, inverse)
      save([normal, inverse, weight])
      return tf.add(tf.mul(normal, weight), bias)
    },
    (dy, saved) => {
      const [normal, inverse, weight] = saved as [tf.Tensor, tf.Tensor, tf.Tensor]
      return {
        // inverse (d - mean(d) - normal mean(d normal)) with d = weight dy
        x: () => {
          const d = tf.mul(dy, weight)
          const along = tf.mul(normal, mean(tf.mul(d, normal)))
          return tf.mul(tf.sub(tf.sub(d, mean(d)), along), inverse)
        },
        weight: () => sumOverRows(tf.mul(dy, normal)),
        bias: () => sumOverRows(dy),
      }
    },
  )
}
