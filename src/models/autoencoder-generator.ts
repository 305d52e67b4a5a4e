/**
 * A face generator as the autoencoder of latent diffusion: latents are its styles in P_N space, one a row, normalised channel
 * by channel, and decoding is synthesis. Styles are truncated in W, which moves some channels of P_N by several deviations.
 * Parameters are named as in the generator's file. Letters: n batch, s image size.
 */
import * as tf from '@tensorflow/tfjs'
import type { Autoencoder } from './autoencoder.ts'
import { latentSpace } from './generator/latent-space.ts'
import { type FaceSize, faceSizes, styleRows, styleWidth, synthesis } from './generator/synthesis.ts'
import { define, type Module, type Weights, weight, withoutPrefix, withPrefix } from './module.ts'

/** Rows that move together: pose and frame, face shape, identity's features, make-up and light, colour and fine texture. */
export const rowGroups = [3, 2, 4, 2, 5] as const

/** Gives every face the mean of the latents. */
const meanLatents: Module<[tf.Tensor4D], tf.Tensor4D> = define([], (_, faces) =>
  tf.zeros([faces.shape[0], styleRows, 1, styleWidth]),
)

/**
 * @param imageSize side of the faces that it encodes, and decodes unless told otherwise
 * @param encoder faces [n, s, s, 3] in FFHQ alignment -> latents in P_N space, [n, 16, 1, 512]
 */
export function generatorAutoencoder(imageSize: number, encoder = meanLatents): Autoencoder {
  const decoder = generatorDecoder()
  const { parameters } = latentSpace().toStyles
  return {
    channelVariances: define([{ parameters }, statistics], w => {
      const { deviation } = statisticsOf(w)
      return tf.tidy(() => tf.square(tf.mul(deviation, weight<tf.Tensor1D>(w, 'latent_space.deviations'))))
    }),
    fromGenerated: define([statistics], normalise),
    encode: define([encoder, statistics], (w, faces) =>
      tf.tidy(() => {
        const latents = normalise(w, encoder(w, faces))
        return tf.concat([latents, tf.fill(latents.shape, -30)], 3) // the least log-variance that counts
      }),
    ),
    decode: define([decoder, statistics], (w, latents, size = imageSize) =>
      tf.tidy(() => {
        const { mean, deviation } = statisticsOf(w)
        return decoder(w, tf.add(tf.mul(latents, deviation), mean), size)
      }),
    ),
    latentShape: () => [styleRows, 1, styleWidth],
    sizes: faceSizes,
    rowGroups,
  }
}

/** Of each channel of generated faces' latents in P_N space, over all rows; `scripts/latent-statistics.ts` computes them. */
const statistics = {
  parameters: { 'latent_statistics.mean': [styleWidth], 'latent_statistics.deviation': [styleWidth] },
}
const statisticsOf = (w: Weights) => ({
  mean: weight<tf.Tensor1D>(w, 'latent_statistics.mean'),
  deviation: weight<tf.Tensor1D>(w, 'latent_statistics.deviation'),
})

/** To mean 0 and deviation 1. */
function normalise(w: Weights, latents: tf.Tensor4D): tf.Tensor4D {
  const { mean, deviation } = statisticsOf(w)
  return tf.tidy(() => tf.div(tf.sub(latents, mean), deviation))
}

/** Latents in P_N space [n, 16, 1, 512] -> faces [n, s, s, 3] in FFHQ alignment, about [-1, 1]; s is 128, 256 or 1024. */
function generatorDecoder(): Module<[latents: tf.Tensor4D, size: number], tf.Tensor4D> {
  const { toStyles } = latentSpace()
  const network = synthesis()
  const prefix = 'synthesis.'
  return define([toStyles, { parameters: withPrefix(network.parameters, prefix) }], (w, latents, size) => {
    if (!faceSizes.some(known => known === size))
      throw new Error(`generatorAutoencoder: expected a size out of ${faceSizes.join(', ')}, found ${size}`)
    return tf.tidy(() => {
      const styles = toStyles(w, tf.reshape(latents, [-1, styleRows, styleWidth])) as tf.Tensor3D
      return network(withoutPrefix(w, prefix), styles, size as FaceSize)
    })
  })
}
