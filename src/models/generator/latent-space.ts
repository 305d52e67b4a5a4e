/**
 * The P_N space of a StyleGAN (Zhu et al., arXiv 2012.09036): styles with the mapping network's last activation undone,
 * rotated to their principal axes and divided by their deviations, so that styles of faces are nearly N(0, I).
 */
import * as tf from '@tensorflow/tfjs'
import { define, type Module, weight } from '../module.ts'
import { affine } from '../ops/affine.ts'
import { styleWidth } from './synthesis.ts'

const slope = 0.2

export interface LatentSpace {
  /** Latents [..., 512] -> styles [..., 512]; differentiable. */
  readonly toStyles: Module<[tf.Tensor], tf.Tensor>
  /** Styles [..., 512] -> latents [..., 512]. */
  readonly toLatents: Module<[tf.Tensor], tf.Tensor>
}

/**
 * `mean` of the styles before the last activation, `axes` the principal axes as columns, `deviations` along them.
 * styles = sqrt(2) leakyRelu(mean + (latents * deviations) axes^T)
 */
export function latentSpace(name = 'latent_space'): LatentSpace {
  const parameters = {
    [`${name}.mean`]: [styleWidth],
    [`${name}.axes`]: [styleWidth, styleWidth],
    [`${name}.deviations`]: [styleWidth],
  }
  return {
    toStyles: define([{ parameters }], (w, latents) => {
      const axes = weight<tf.Tensor2D>(w, `${name}.axes`)
      const scaled = tf.mul(latents, weight(w, `${name}.deviations`))
      const x = affine(scaled, axes, { bias: weight(w, `${name}.mean`), transposed: true })
      return tf.mul(tf.leakyRelu(x, slope), Math.SQRT2)
    }),
    toLatents: define([{ parameters }], (w, styles) => {
      const x = tf.leakyRelu(tf.mul(styles, Math.SQRT1_2), 1 / slope)
      const centred = tf.sub(x, weight(w, `${name}.mean`))
      return tf.div(affine(centred, weight<tf.Tensor2D>(w, `${name}.axes`)), weight(w, `${name}.deviations`))
    }),
  }
}
