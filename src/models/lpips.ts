/**
 * LPIPS (Zhang et al., CVPR 2018, version 0.1): the difference of two pictures as ImageNet networks see it. Parameters have
 * torchvision's names of the trunk (`features.0.weight`) and lpips' of the linear layers (`lin0.model.1.weight`), which are
 * two files to download. Evaluation mode. Letters: n pictures, h w height and width, c channels.
 */
import * as tf from '@tensorflow/tfjs'
import { conv2d, type Layer4D } from './layers.ts'
import { define, type Module, type Shapes, weight } from './module.ts'
import { sequence } from './recognizers/parts.ts'

const layer = (forward: (x: tf.Tensor4D) => tf.Tensor4D): Layer4D => define([], (_, x) => forward(x))
const relu = layer(x => tf.relu(x))
const maxPool = (side: number): Layer4D => layer(x => tf.maxPool(x, side, 2, 'valid'))

/** torch.nn.MaxPool2d(3, 2, ceil_mode=True): a last window that is cut off counts, which only even sides have. */
const maxPoolCeil = layer(x => {
  const [, h, w] = x.shape
  // Behind a rectifier, zero is no more than any value.
  const padding: [number, number][] = [0, 1 - (h % 2), 1 - (w % 2), 0].map(zeros => [0, zeros])
  return tf.maxPool(tf.pad(x, padding), 3, 2, 'valid')
})

/** SqueezeNet's module: fewer channels, then two convolutions of them side by side. */
function fire(name: string, inputs: number, squeezed: number, expanded: number): Layer4D {
  const squeeze = conv2d(`${name}.squeeze`, inputs, squeezed, { kernel: 1 })
  const one = conv2d(`${name}.expand1x1`, squeezed, expanded, { kernel: 1 })
  const three = conv2d(`${name}.expand3x3`, squeezed, expanded)
  return define([squeeze, one, three], (w, x) => {
    const y = tf.relu(squeeze(w, x))
    return tf.relu(tf.concat([one(w, y), three(w, y)], 3))
  })
}

/** A trunk in slices; what comes out of each is compared. */
interface Trunk {
  readonly slices: readonly Layer4D[]
  /** Of what comes out of each slice. */
  readonly channels: readonly number[]
}

function alexNet(): Trunk {
  const conv = (place: number, inputs: number, outputs: number) =>
    sequence(conv2d(`features.${place}`, inputs, outputs), relu)
  return {
    slices: [
      sequence(conv2d('features.0', 3, 64, { kernel: 11, stride: 4, padding: 2 }), relu),
      sequence(maxPool(3), conv2d('features.3', 64, 192, { kernel: 5 }), relu),
      sequence(maxPool(3), conv(6, 192, 384)),
      conv(8, 384, 256),
      conv(10, 256, 256),
    ],
    channels: [64, 192, 384, 256, 256],
  }
}

function vgg16(): Trunk {
  const channels = [64, 128, 256, 512, 512]
  const places = [[0, 2], [5, 7], [10, 12, 14], [17, 19, 21], [24, 26, 28]] // biome-ignore format: short
  const slices = places.map((stage, i) => {
    const convolutions = stage.flatMap((place, k) => [
      conv2d(`features.${place}`, k > 0 ? channels[i]! : (channels[i - 1] ?? 3), channels[i]!),
      relu,
    ])
    return sequence(...(i > 0 ? [maxPool(2)] : []), ...convolutions)
  })
  return { slices, channels }
}

function squeezeNet(): Trunk {
  return {
    slices: [
      sequence(conv2d('features.0', 3, 64, { stride: 2, padding: 0 }), relu),
      sequence(maxPoolCeil, fire('features.3', 64, 16, 64), fire('features.4', 128, 16, 64)),
      sequence(maxPoolCeil, fire('features.6', 128, 32, 128), fire('features.7', 256, 32, 128)),
      sequence(maxPoolCeil, fire('features.9', 256, 48, 192)),
      fire('features.10', 384, 48, 192),
      fire('features.11', 384, 64, 256),
      fire('features.12', 512, 64, 256),
    ],
    channels: [64, 128, 256, 384, 384, 512, 512],
  }
}

const trunks = { alex: alexNet, vgg: vgg16, squeeze: squeezeNet }
/** lpips' names of AlexNet, VGG-16 and SqueezeNet 1.1. */
export type LpipsTrunk = keyof typeof trunks
export const lpipsTrunks = Object.keys(trunks) as LpipsTrunk[]

/** The trunk whose parameters, all of them and in their shapes, are among those found in files; none if there is no such. */
export function lpipsTrunkOf(found: ReadonlyMap<string, readonly number[]>): LpipsTrunk | undefined {
  const has = (shapes: Shapes) => Object.entries(shapes).every(([name, shape]) => `${found.get(name)}` === `${shape}`)
  return lpipsTrunks.find(name => has(lpips(name).parameters))
}

/** Mean and deviation of ImageNet's pictures in [-1, 1], as rounded by lpips. */
const shift = [-0.03, -0.088, -0.188]
const scale = [0.458, 0.448, 0.45]

/** The distance of pictures: [n, h, w, 3] and [n, h, w, 3] in [-1, 1] -> [n]. */
export function lpips(trunk: LpipsTrunk): Module<[tf.Tensor4D, tf.Tensor4D], tf.Tensor1D> {
  const { slices, channels } = trunks[trunk]()
  const parameters = Object.fromEntries(channels.map((c, k) => [`lin${k}.model.1.weight`, [1, c, 1, 1]]))
  return define([...slices, { parameters }], (w, a, b) =>
    tf.tidy(() => {
      let [x, y] = [a, b].map(
        pictures => tf.div(tf.sub(pictures, tf.tensor1d(shift)), tf.tensor1d(scale)) as tf.Tensor4D,
      ) as [tf.Tensor4D, tf.Tensor4D]
      const distances = slices.map((slice, k) => {
        ;[x, y] = [slice(w, x), slice(w, y)]
        const squares = tf.square(tf.sub(unit(x), unit(y))) // [n, h', w', c]
        // [1, 1, c, 1]: a linear layer to one channel.
        const weighted = tf.mul(squares, tf.reshape(weight(w, `lin${k}.model.1.weight`), [channels[k]!]))
        return tf.mean(tf.sum(weighted, 3), [1, 2])
      })
      return tf.addN(distances) as tf.Tensor1D
    }),
  )
}

/** Scales the channels of every pixel to unit length. */
function unit(x: tf.Tensor4D): tf.Tensor {
  return tf.div(x, tf.add(tf.sqrt(tf.sum(tf.square(x), 3, true)), 1e-10))
}
