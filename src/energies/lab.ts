import * as tf from '@tensorflow/tfjs'

/** Linear sRGB -> XYZ over the white point D65 (IEC 61966-2-1), a column a channel of XYZ. */
const toXyz = [
  [0.4124564 / 0.95047, 0.2126729, 0.0193339 / 1.08883],
  [0.3575761 / 0.95047, 0.7151522, 0.119192 / 1.08883],
  [0.1804375 / 0.95047, 0.072175, 0.9503041 / 1.08883],
]
/** f(X), f(Y), f(Z) -> L, a, b but for L's -16. */
const toLab = [
  [0, 500, 0],
  [116, -500, 200],
  [0, 0, -200],
]

/**
 * CIE 1976 L*a*b* of sRGB colours: L 0 (black) to 100 (white), a and b about -100 to 100, in which equal distances look about
 * equal. Exact and differentiable everywhere; values below 0 or above 1 continue the curves.
 * @param colours [..., 3] in 0..1
 */
export function srgbToLab<T extends tf.Tensor>(colours: T): T {
  return tf.tidy(() => {
    const rgb = tf.reshape(colours, [-1, 3]) as tf.Tensor2D
    const linear = joined(rgb, 0.04045, 1 / 12.92, c => tf.pow(tf.div(tf.add(c, 0.055), 1.055), 2.4))
    const xyz = tf.matMul(linear, tf.tensor2d(toXyz)) as tf.Tensor2D
    const f = joined(xyz, (6 / 29) ** 3, (29 / 6) ** 2 / 3, t => tf.pow(t, 1 / 3))
    return tf.reshape(tf.sub(tf.matMul(f, tf.tensor2d(toLab)), [16, 0, 0]), colours.shape) as T
  })
}

/** `curve` from a knee on and below it a line of that slope, joined without a comparison, which would end the gradient. */
function joined(x: tf.Tensor2D, knee: number, slope: number, curve: (x: tf.Tensor2D) => tf.Tensor2D): tf.Tensor2D {
  return tf.add(curve(tf.maximum(x, knee)), tf.mul(tf.sub(tf.minimum(x, knee), knee), slope))
}
