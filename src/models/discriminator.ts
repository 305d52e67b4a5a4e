/**
 * Tells photos from what a decoder makes, patch by patch (PatchGAN, Isola et al. 2017): an adversary for training decoders.
 * Letters: n batch, s image size.
 */
import * as tf from '@tensorflow/tfjs'
import { conv2d } from './layers.ts'
import { define, type Module } from './module.ts'

/** Channels at a half, a quarter and an eighth of the image's size. */
const widths = [32, 64, 128] as const

/** Faces [n, s, s, 3] in [-1, 1] -> how real each patch of 38 x 38 pixels looks, [n, s/8, s/8, 1], of any sign. */
export function discriminator(): Module<[tf.Tensor4D], tf.Tensor4D> {
  const [fine, middle, coarse] = widths
  const halve = { kernel: 4, stride: 2, padding: 1 }
  const layers = [
    conv2d('discriminator.fine', 3, fine, halve),
    conv2d('discriminator.middle', fine, middle, halve),
    conv2d('discriminator.coarse', middle, coarse, halve),
  ]
  const verdict = conv2d('discriminator.verdict', coarse, 1)
  return define([...layers, verdict], (w, faces) => {
    const deep = layers.reduce((x, layer) => tf.leakyRelu(layer(w, x), 0.2), faces)
    return verdict(w, deep)
  })
}
