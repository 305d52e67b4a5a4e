import * as tf from '@tensorflow/tfjs'
import { linear } from '../layers.ts'
import { define, type Module } from '../module.ts'
import { styleWidth } from './synthesis.ts'

const depth = 8

/** StyleGAN's mapping network (Karras et al. 2019): z [n, 512] of N(0, I) -> w [n, 512], one style for every row. */
export function mapping(): Module<[z: tf.Tensor2D], tf.Tensor2D> {
  const layers = Array.from({ length: depth }, (_, i) => linear(`layers.${i}`, styleWidth, styleWidth))
  return define(layers, (w, z) => {
    const normalised: tf.Tensor = tf.mul(z, tf.rsqrt(tf.add(tf.mean(tf.square(z), 1, true), 1e-8)))
    return layers.reduce((x, layer) => tf.mul(tf.leakyRelu(layer(w, x), 0.2), Math.SQRT2), normalised) as tf.Tensor2D
  })
}
