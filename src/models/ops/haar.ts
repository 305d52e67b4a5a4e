/**
 * The orthonormal Haar wavelet transform of 2 x 2 pixels, in closed form both ways: each direction is the other's gradient.
 * Channels of coefficients are four bands one after the other, of c channels each: LL, LH, HL, HH. Letters: n pictures,
 * h w height and width, c channels.
 */
import * as tf from '@tensorflow/tfjs'
import { fused } from '../../backend/fused.ts'
import { differentiable } from './differentiable.ts'

/**
 * Coefficients [n, h, w, 4c] -> pixels [n, 2h, 2w, c].
 * @param scale [n, 4c], by which each channel of coefficients is multiplied first
 */
export function inverseHaar(x: tf.Tensor4D, scale?: tf.Tensor2D): tf.Tensor4D {
  if (scale) return scaledInverseHaar(x, scale)
  return differentiable(
    { x },
    () => toPixels(x),
    dy => ({ x: () => toCoefficients(dy) }),
  )
}

function scaledInverseHaar(x: tf.Tensor4D, scale: tf.Tensor2D): tf.Tensor4D {
  const kernel = fused('InverseHaar')
  const gradient = fused('InverseHaarGradient')
  if (!kernel || !gradient) return inverseHaar(tf.mul(x, tf.reshape(scale, [-1, 1, 1, x.shape[3]])))
  return differentiable(
    { x, scale },
    save => {
      save([x, scale])
      return kernel({ x, scale }, { scaled: true })[0] as tf.Tensor4D
    },
    (dy, [x, scale]) => {
      const [dx, dscale] = gradient({ dy, x: x!, scale: scale! }, {}) as [tf.Tensor, tf.Tensor]
      return { x: () => dx, scale: () => dscale }
    },
  )
}

/** Pixels [n, 2h, 2w, c] -> coefficients [n, h, w, 4c]. */
export function haar(x: tf.Tensor4D): tf.Tensor4D {
  return differentiable(
    { x },
    () => toCoefficients(x),
    dy => ({ x: () => toPixels(dy) }),
  )
}

function toPixels(x: tf.Tensor4D): tf.Tensor4D {
  const kernel = fused('InverseHaar')
  if (kernel) return kernel({ x, scale: x }, { scaled: false })[0] as tf.Tensor4D
  return tf.tidy(() => {
    const [n, h, w, bands] = x.shape
    const c = bands / 4
    const [ll, lh, hl, hh] = tf.split(tf.mul(x, 0.5), 4, 3) as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]
    const [left, right] = [tf.add(ll, hl), tf.sub(ll, hl)]
    const [down, across] = [tf.add(lh, hh), tf.sub(lh, hh)]
    const row = (even: tf.Tensor, odd: tf.Tensor) => tf.reshape(tf.concat([even, odd], 3), [n * h, 1, 2 * w * c])
    const upper = row(tf.add(left, down), tf.add(right, across))
    const lower = row(tf.sub(left, down), tf.sub(right, across))
    return tf.reshape(tf.concat([upper, lower], 1), [n, 2 * h, 2 * w, c]) as tf.Tensor4D
  })
}

function toCoefficients(x: tf.Tensor4D): tf.Tensor4D {
  const kernel = fused('Haar')
  if (kernel) return kernel({ x }, {})[0] as tf.Tensor4D
  return tf.tidy(() => {
    const [n, height, width, c] = x.shape
    const [h, w] = [height / 2, width / 2]
    const rows = tf.split(tf.reshape(tf.mul(x, 0.5), [n * h, 2, 2 * w * c]), 2, 1)
    const [[a, b], [d, e]] = rows.map(row => tf.split(tf.reshape(row, [n, h, w, 2 * c]), 2, 3)) as [
      [tf.Tensor, tf.Tensor],
      [tf.Tensor, tf.Tensor],
    ]
    const [upper, lower] = [tf.add(a, b), tf.add(d, e)]
    const [upperSlope, lowerSlope] = [tf.sub(a, b), tf.sub(d, e)]
    return tf.concat(
      [tf.add(upper, lower), tf.sub(upper, lower), tf.add(upperSlope, lowerSlope), tf.sub(upperSlope, lowerSlope)],
      3,
    ) as tf.Tensor4D
  })
}
