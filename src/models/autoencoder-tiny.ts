/**
 * The tiny autoencoders of the TAESD family (Ollin Boer Bohan, github.com/madebyollin/taesd), distilled from the large
 * ones of Stable Diffusion and FLUX whose latents they share. Parameters are named by their place in the sequence of
 * layers, as in `NAME_encoder.pth` and `NAME_decoder.pth`, behind `encoder.` and `decoder.`. The encoder gives one
 * latent and no distribution. Letters: n batch, s image size, l = s/8, c width, z latent channels.
 */
import * as tf from '@tensorflow/tfjs'
import { type Autoencoder, squareLatents } from './autoencoder.ts'
import { type Conv2d, conv2d, groupNorm, type Layer4D, upsample2 } from './layers.ts'
import { define } from './module.ts'

export interface TinyAutoencoderConfig {
  /** Channels of the latent: 4 in TAESD, 16 in TAEF1, 32 in TAEF2. */
  readonly latentChannels: number
  /** Channels everywhere else; 64 in all that are published. */
  readonly width: number
  /** Residual blocks at each of the smaller sizes; 3 in all that are published. */
  readonly blocks: number
  /** Whether the blocks at the latent's size see each other's groups by a normalised branch, as in TAEF2. */
  readonly groupNorm: boolean
}

/** The autoencoder of `config`; the image's size must divide by 8. */
export function tinyAutoencoder(config: TinyAutoencoderConfig): Autoencoder {
  const { latentChannels: z, width: c, blocks } = config
  const smaller = (name: string) => conv2d(name, c, c, { stride: 2, padding: 1, bias: false })
  const larger = (name: string) => conv2d(name, c, c, { bias: false })
  const several = (branch: boolean) => Array.from({ length: blocks }, () => (name: string) => block(name, c, branch))
  const plain = several(false)
  const deepest = several(config.groupNorm)

  const encoder = numbered('encoder', [
    name => conv2d(name, 3, c),
    name => block(name, c, false),
    smaller, // [n, s/2, s/2, c]
    ...plain,
    smaller, // [n, s/4, s/4, c]
    ...plain,
    smaller, // [n, l, l, c]
    ...deepest,
    name => conv2d(name, c, z),
  ])
  const decoder = numbered('decoder', [
    () => unary(x => tf.mul(tf.tanh(tf.div(x, 3)), 3)), // latents far outside of what is usual are drawn in
    name => conv2d(name, z, c),
    () => unary(tf.relu),
    ...deepest, // [n, l, l, c]
    () => unary(upsample2),
    larger,
    ...plain,
    () => unary(upsample2),
    larger,
    ...plain,
    () => unary(upsample2), // [n, s, s, c]
    larger,
    name => block(name, c, false),
    name => conv2d(name, c, 3),
  ])
  return {
    // The family works on images in [0, 1].
    encode: define(
      [encoder],
      (w, image: tf.Tensor4D): tf.Tensor4D =>
        tf.tidy(() => {
          const latent = encoder(w, tf.div(tf.add(image, 1), 2))
          const certain = tf.fill(latent.shape, -30) // the least log-variance that counts
          return tf.concat([latent, certain], 3) as tf.Tensor4D
        }),
    ),
    decode: define(
      [decoder],
      (w, latent: tf.Tensor4D): tf.Tensor4D => tf.tidy(() => tf.sub(tf.mul(decoder(w, latent), 2), 1) as tf.Tensor4D),
    ),
    latentShape: squareLatents(8, z),
  }
}

/** torch.nn.Sequential called `prefix`; what a layer leaves behind is freed before the next. */
function numbered(prefix: string, layers: readonly ((name: string) => Layer4D)[]): Layer4D {
  const made = layers.map((layer, i) => layer(`${prefix}.${i}`))
  return define(made, (w, x) => made.reduce((h, layer) => tf.tidy(() => layer(w, h)), x))
}

const unary = (forward: (x: tf.Tensor4D) => tf.Tensor): Layer4D => define([], (_, x) => forward(x) as tf.Tensor4D)

/** relu(x + conv(relu(conv(relu(conv(x)))))), where x has the branch added that sees whole groups of channels. */
function block(name: string, c: number, branch: boolean): Layer4D {
  const convs = [0, 2, 4].map(i => conv2d(`${name}.conv.${i}`, c, c))
  const pool = branch ? groupBranch(`${name}.pool`, c) : undefined
  return define([...convs, ...(pool ? [pool] : [])], (w, input) => {
    const x = pool ? (tf.add(input, pool(w, input)) as tf.Tensor4D) : input
    const [first, second, third] = convs as [Conv2d, Conv2d, Conv2d]
    const h = second(w, first(w, x, { relu: true }), { relu: true })
    return third(w, h, { addend: x, relu: true })
  })
}

/** 1 x 1 convolution to 4 c channels, normalisation in 4 groups, rectifier, 1 x 1 convolution back. */
function groupBranch(name: string, c: number): Layer4D {
  const out = conv2d(`${name}.0`, c, 4 * c, { kernel: 1, bias: false })
  const norm = groupNorm(`${name}.1`, 4 * c, { groups: 4 })
  const back = conv2d(`${name}.3`, 4 * c, c, { kernel: 1, bias: false })
  return define([out, norm, back], (w, x) => back(w, tf.relu(norm(w, out(w, x)))))
}
