/**
 * Tells photos from what a decoder makes, patch by patch (PatchGAN, Isola et al. 2017): an adversary for training decoders.
 * Letters: n batch, s image size.
 */
import * as tf from '@tensorflow/tfjs'
import { conv2d, groupNorm } from './layers.ts'
import { define, type Module } from './module.ts'

/** Channels at a half, a quarter and an eighth of the image's size. */
const widths = [32, 64, 128] as const

/** Faces [n, s, s, 3] in [-1, 1] -> how real each patch of 38 x 38 pixels looks, [n, s/8, s/8, 1], of any sign. */
export function discriminator(): Module<[tf.Tensor4D], tf.Tensor4D> {
  const [fine, middle, coarse] = widths
  const halve = { kernel: 4, stride: 2, padding: 1 }
  const first = conv2d('discriminator.fine', 3, fine, halve)
  const middleConv = conv2d('discriminator.middle', fine, middle, halve)
  const middleNorm = groupNorm('discriminator.middle_norm', middle)
  const coarseConv = conv2d('discriminator.coarse', middle, coarse, halve)
  const coarseNorm = groupNorm('discriminator.coarse_norm', coarse)
  const verdict = conv2d('discriminator.verdict', coarse, 1)
  const leaky = (x: tf.Tensor4D) => tf.leakyRelu(x, 0.2)
  return define([first, middleConv, middleNorm, coarseConv, coarseNorm, verdict], (w, faces) => {
    let x = leaky(first(w, faces))
    x = leaky(middleNorm(w, middleConv(w, x)))
    x = leaky(coarseNorm(w, coarseConv(w, x)))
    return verdict(w, x)
  })
}
