/** What CLIP's image encoder wants of a picture: 224 x 224, bicubic, normalised (Radford et al. 2021). */
import * as tf from '@tensorflow/tfjs'

/** Of the red, green and blue of CLIP's training pictures, in 0..1. */
const mean = [0.48145466, 0.4578275, 0.40821073]
const deviation = [0.26862954, 0.26130258, 0.27577711]

/**
 * Square pictures [n, s, s, 3] in [-1, 1] -> pixels [n, size, size, 3] as CLIP's own preprocessing makes them, but for its
 * rounding to bytes after the resize. Differentiable.
 */
export function clipPixels(pictures: tf.Tensor4D, size: number): tf.Tensor4D {
  return tf.tidy(() => {
    const resized = tf.clipByValue(resizeBicubic(pictures, size), -1, 1)
    const unit = tf.mul(tf.add(resized, 1), 0.5)
    return tf.div(tf.sub(unit, tf.tensor1d(mean)), tf.tensor1d(deviation)) as tf.Tensor4D
  })
}

/** Resizes [n, h, w, c] to [n, size, size, c] as Pillow's BICUBIC does: antialiased, its kernel widened when it shrinks. */
export function resizeBicubic(x: tf.Tensor4D, size: number): tf.Tensor4D {
  const [n, h, w, c] = x.shape
  return tf.tidy(() => {
    const rows = tf.matMul(resampling(h, size), tf.reshape(x, [n, h, w * c]) as tf.Tensor3D) // [n, size, w c]
    const columns = tf.matMul(resampling(w, size), tf.reshape(rows, [n * size, w, c]) as tf.Tensor3D)
    return tf.reshape(columns, [n, size, size, c])
  })
}

/** Weights [1, to, from] of each of `from` pixels in each of `to`; every row sums to 1. */
function resampling(from: number, to: number): tf.Tensor3D {
  const scale = Math.max(1, from / to)
  const rows = Array.from({ length: to }, (_, i) => {
    const centre = ((i + 0.5) * from) / to
    // Pillow leaves out the pixels whose centres are beyond these bounds.
    const first = Math.max(0, Math.trunc(centre - 2 * scale + 0.5))
    const end = Math.min(from, Math.trunc(centre + 2 * scale + 0.5))
    const row = Array.from({ length: from }, (_, j) => (j < first || j >= end ? 0 : cubic((j + 0.5 - centre) / scale)))
    const sum = row.reduce((a, b) => a + b, 0)
    return row.map(value => value / sum)
  })
  return tf.tensor3d([rows])
}

/** The cubic convolution kernel with a = -1/2 (Keys 1981). */
function cubic(x: number): number {
  const t = Math.abs(x)
  if (t < 1) return (1.5 * t - 2.5) * t * t + 1
  if (t < 2) return ((-0.5 * t + 2.5) * t - 4) * t + 2
  return 0
}
