import * as tf from '@tensorflow/tfjs'
import { fused } from '../../backend/fused.ts'
import { sumOverRows } from './affine.ts'
import { differentiable } from './differentiable.ts'

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
