/**
 * The encoder of a generator: a face in, latents from which the generator makes about that face; what latent optimization
 * starts from. A residual network over 4 x 4 patches. Letters: n faces, s their side, h w height and width, c channels.
 */
import * as tf from '@tensorflow/tfjs'
import { rowGroups } from './autoencoder-generator.ts'
import { spreadRows } from './generator/latent-space.ts'
import { styleWidth } from './generator/synthesis.ts'
import { conv2d, groupNorm, type Layer4D, linear } from './layers.ts'
import { define, type Module } from './module.ts'
import { swish } from './ops/activations.ts'
import { cropResize, whole } from './recognizers/recognizer.ts'

/** Side of the faces that the network looks at. */
export const encoderInputSize = 128

/** Channels and residual blocks at 32, 16, 8 and 4 pixels a side. */
const stages = [
  { width: 64, blocks: 1 },
  { width: 128, blocks: 2 },
  { width: 256, blocks: 2 },
  { width: 256, blocks: 1 },
] as const

const patch = 4
/** Channels of the positions at 4 x 4 that are read one by one. */
const positionWidth = 48
/** Side of the face that the last layers see as it is. */
const thumbnailSize = 16
const hiddenWidth = 640

/** Two convolutions behind group norm and SiLU, added to what they read. */
function residualBlock(name: string, width: number): Layer4D {
  const norm1 = groupNorm(`${name}.norm1`, width, { groups: 16, silu: true })
  const norm2 = groupNorm(`${name}.norm2`, width, { groups: 16, silu: true })
  const conv1 = conv2d(`${name}.conv1`, width, width)
  const conv2 = conv2d(`${name}.conv2`, width, width)
  return define([norm1, conv1, norm2, conv2], (w, x) => conv2(w, norm2(w, conv1(w, norm1(w, x))), { addend: x }))
}

/**
 * Faces [n, s, s, 3] of [-1, 1] in FFHQ alignment -> latents [n, 16, 1, 512] in P_N space, in which the rows of each group
 * (`rowGroups`) are one style.
 */
export function inversionEncoder(name = 'encoder'): Module<[tf.Tensor4D], tf.Tensor4D> {
  const last = stages.at(-1)!.width
  const stem = conv2d(`${name}.stem`, 3 * patch ** 2, stages[0].width)
  const levels = stages.map(({ width, blocks }, i) => ({
    down: i > 0 ? [conv2d(`${name}.down.${i}`, stages[i - 1]!.width, width, { stride: 2, padding: 1 })] : [],
    blocks: Array.from({ length: blocks }, (_, k) => residualBlock(`${name}.blocks.${i}.${k}`, width)),
  }))
  const norm = groupNorm(`${name}.norm`, last, { groups: 16, silu: true })
  const positions = conv2d(`${name}.positions`, last, positionWidth, { kernel: 1 })
  const side = encoderInputSize / patch / 2 ** (stages.length - 1)
  const featureWidth = positionWidth * side ** 2 + last + stages[2].width + 3 * thumbnailSize ** 2
  const hidden = linear(`${name}.hidden`, featureWidth, hiddenWidth)
  const styles = linear(`${name}.styles`, hiddenWidth, rowGroups.length * styleWidth)
  const layers = [stem, ...levels.flatMap(({ down, blocks }) => [...down, ...blocks]), norm, positions, hidden, styles]
  return define(layers, (w, faces) => {
    const n = faces.shape[0]
    const x = cropResize(faces, whole, encoderInputSize)
    let y = stem(w, patches(x)) // [n, 32, 32, 64]
    const outputs = levels.map(({ down, blocks }) => {
      y = [...down, ...blocks].reduce((y, layer) => layer(w, y), y)
      return y
    })
    const deepest = norm(w, y) // [n, 4, 4, 256]
    const features = tf.concat(
      [
        tf.reshape(positions(w, deepest), [n, -1]),
        tf.mean(deepest, [1, 2]),
        tf.mean(outputs[2]!, [1, 2]),
        tf.reshape(cropResize(x, whole, thumbnailSize), [n, -1]),
      ],
      1,
    )
    const groups = tf.reshape(styles(w, swish(hidden(w, features))), [n, rowGroups.length, 1, styleWidth])
    return spreadRows(groups, rowGroups)
  })
}

/** Patches as channels: [n, h, w, c] -> [n, h / 4, w / 4, 16 c]. */
function patches(x: tf.Tensor4D): tf.Tensor4D {
  const [n, h, w, c] = x.shape
  const split = tf.reshape(x, [n * (h / patch), patch, w / patch, patch * c])
  return tf.reshape(tf.transpose(split, [0, 2, 1, 3]), [n, h / patch, w / patch, patch ** 2 * c])
}
