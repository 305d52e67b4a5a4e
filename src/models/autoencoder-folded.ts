/**
 * The default model's autoencoder: factor 8, its arithmetic spent at a quarter and an eighth of the image's size. Four by
 * four pixels are folded into channels before the first convolution and unfolded after the last wide one; only one thin
 * convolution runs at full size. Letters: n batch, s image size, f = s/4, l = s/8, z latent channels.
 */
import * as tf from '@tensorflow/tfjs'
import { type Autoencoder, squareLatents } from './autoencoder.ts'
import { conv2d, groupNorm, type Layer4D, upsample2 } from './layers.ts'
import { define, type Module } from './module.ts'

export interface FoldedAutoencoderConfig {
  /** Channels of the latent. */
  readonly latentChannels: number
  /** Widths at a quarter and at an eighth of the image's size. */
  readonly widths: readonly [number, number]
  /** Residual blocks of the encoder at each of the two sizes. */
  readonly encoderBlocks: readonly [number, number]
  /** Residual blocks of the decoder at each of the two sizes. */
  readonly decoderBlocks: readonly [number, number]
  /** Channels at full size, before the last convolution. */
  readonly thinWidth: number
}

/** Pixels a side of the blocks that become channels. */
const block = 4

/** The autoencoder of `config`; the image's size must divide by 8. */
export function foldedAutoencoder(config: FoldedAutoencoderConfig): Autoencoder {
  const { latentChannels: z, widths, encoderBlocks, decoderBlocks, thinWidth } = config
  const [wide, deep] = widths

  const encodeIn = conv2d('encoder.conv_in', 3 * block ** 2, wide)
  const encodeFine = residualBlocks('encoder.fine', wide, encoderBlocks[0])
  const down = conv2d('encoder.down', wide, deep, { stride: 2, padding: [0, 1] })
  const encodeCoarse = residualBlocks('encoder.coarse', deep, encoderBlocks[1])
  const encodeNorm = groupNorm('encoder.norm_out', deep, { silu: true })
  const encodeOut = conv2d('encoder.conv_out', deep, 2 * z)

  const encode = define(
    [encodeIn, encodeFine, down, encodeCoarse, encodeNorm, encodeOut],
    (w, image: tf.Tensor4D): tf.Tensor4D =>
      tf.tidy(() => {
        let x = encodeIn(w, fold(image, block)) // [n, f, f, wide]
        x = encodeFine(w, x)
        x = down(w, x) // [n, l, l, deep]
        x = encodeCoarse(w, x)
        return encodeOut(w, encodeNorm(w, x)) // [n, l, l, 2z]
      }),
  )

  const decodeIn = conv2d('decoder.conv_in', z, deep)
  const decodeCoarse = residualBlocks('decoder.coarse', deep, decoderBlocks[1])
  const up = conv2d('decoder.up', deep, wide)
  const decodeFine = residualBlocks('decoder.fine', wide, decoderBlocks[0])
  const decodeNorm = groupNorm('decoder.norm_out', wide, { silu: true })
  const unfoldOut = conv2d('decoder.unfold', wide, thinWidth * block ** 2)
  const thin = conv2d('decoder.conv_out', thinWidth, 3)

  const decode = define(
    [decodeIn, decodeCoarse, up, decodeFine, decodeNorm, unfoldOut, thin],
    (w, latent: tf.Tensor4D): tf.Tensor4D =>
      tf.tidy(() => {
        let x = decodeIn(w, latent) // [n, l, l, deep]
        x = decodeCoarse(w, x)
        x = up(w, upsample2(x)) // [n, f, f, wide]
        x = decodeFine(w, x)
        x = unfold(unfoldOut(w, decodeNorm(w, x)), block) // [n, s, s, thin]
        return thin(w, tf.relu(x))
      }),
  )
  return { encode, decode, latentShape: squareLatents(2 * block, z) }
}

/** x + conv(silu(norm(conv(silu(norm(x)))))), `count` times. */
function residualBlocks(name: string, width: number, count: number): Layer4D {
  const blocks = Array.from({ length: count }, (_, i) => {
    const norm1 = groupNorm(`${name}.${i}.norm1`, width, { silu: true })
    const conv1 = conv2d(`${name}.${i}.conv1`, width, width)
    const norm2 = groupNorm(`${name}.${i}.norm2`, width, { silu: true })
    const conv2 = conv2d(`${name}.${i}.conv2`, width, width)
    return define(
      [norm1, conv1, norm2, conv2],
      (w, x: tf.Tensor4D): tf.Tensor4D => conv2(w, norm2(w, conv1(w, norm1(w, x))), { addend: x }),
    )
  })
  return define(blocks as unknown as Module[], (w, x: tf.Tensor4D) => blocks.reduce((h, block) => block(w, h), x))
}

/** Blocks of k x k pixels become channels: [n, s, s, c] -> [n, s/k, s/k, k k c]. */
function fold(x: tf.Tensor4D, k: number): tf.Tensor4D {
  const [n, h, w, c] = x.shape
  const blocks = tf.transpose(tf.reshape(x, [n, h / k, k, w / k, k, c]), [0, 1, 3, 2, 4, 5])
  return tf.reshape(blocks, [n, h / k, w / k, k * k * c])
}

/** The inverse of fold: [n, h, w, k k c] -> [n, k h, k w, c]. */
function unfold(x: tf.Tensor4D, k: number): tf.Tensor4D {
  const [n, h, w, channels] = x.shape
  const c = channels / (k * k)
  const blocks = tf.transpose(tf.reshape(x, [n, h, w, k, k, c]), [0, 1, 3, 2, 4, 5])
  return tf.reshape(blocks, [n, h * k, w * k, c])
}
