/** The generator of faces with its weights, which are read once a process. */

import * as tf from '@tensorflow/tfjs'
import { repositoryPath } from '#paths'
import { type GeneratorParts, generatorParts } from '../models/generator/generator.ts'
import type { FaceSize } from '../models/generator/synthesis.ts'
import { inversionEncoder } from '../models/inversion-encoder.ts'
import type { Shapes, Weights } from '../models/module.ts'
import { once } from '../util/memoize.ts'
import { loadWeights } from '../weights/load.ts'

/** Letters: n faces, s their side. All functions are differentiable but `mapped`'s, and their results the caller's. */
export interface Generator {
  /** z [n, 512] of N(0, I) -> styles [n, 512]. */
  mapped(z: tf.Tensor2D): tf.Tensor2D
  /** Latents [..., 512] in P_N space -> styles. */
  toStyles(latents: tf.Tensor): tf.Tensor
  /** Styles [..., 512] -> latents in P_N space. */
  toLatents(styles: tf.Tensor): tf.Tensor
  /** Styles [n, 16, 512] -> faces [n, s, s, 3] of about [-1, 1], in FFHQ alignment. */
  synthesize(styles: tf.Tensor3D, size: FaceSize): tf.Tensor4D
  /** Latents [n, 16, 1, 512] in P_N space -> faces, as `synthesize`. */
  decode(latents: tf.Tensor4D, size: FaceSize): tf.Tensor4D
}

export const generatorPath = () => repositoryPath('assets/generator.safetensors')

/** The generator over the weights of its three parts. */
export function generatorOver(
  { synthesis, mapping, latentSpace }: GeneratorParts,
  weights: Readonly<Record<'synthesis' | 'mapping' | 'latentSpace', Weights>>,
): Generator {
  const toStyles = (latents: tf.Tensor) => tf.tidy(() => latentSpace.toStyles(weights.latentSpace, latents))
  const synthesize = (styles: tf.Tensor3D, size: FaceSize) => tf.tidy(() => synthesis(weights.synthesis, styles, size))
  return {
    mapped: z => tf.tidy(() => mapping(weights.mapping, z)),
    toStyles,
    toLatents: styles => tf.tidy(() => latentSpace.toLatents(weights.latentSpace, styles)),
    synthesize,
    decode: (latents, size) => tf.tidy(() => synthesize(tf.squeeze(toStyles(latents), [2]) as tf.Tensor3D, size)),
  }
}

/**
 * Loads the generator.
 * @throws UserError when its weights are absent or another network's
 */
export const loadGenerator: () => Promise<Generator> = once(async () => {
  const parts = generatorParts()
  const load = (prefix: string, shapes: Shapes) => loadWeights(generatorPath(), shapes, { prefix })
  return generatorOver(parts, {
    synthesis: await load('synthesis.', parts.synthesis.parameters),
    mapping: await load('mapping.', parts.mapping.parameters),
    latentSpace: await load('', parts.latentSpace.toStyles.parameters),
  })
})

// The encoder of photos into the generator's latents, with its weights, which are read once a process.

export const encoderPath = () => repositoryPath('assets/encoder.safetensors')

/** Faces [n, s, s, 3] of [-1, 1] in FFHQ alignment -> latents [n, 16, 1, 512] in P_N space, which are the caller's. */
export type InversionEncoder = (faces: tf.Tensor4D) => tf.Tensor4D

/** The encoder's trained weights, which are the caller's. @throws UserError when they are absent or another network's */
export const loadEncoderWeights = (): Promise<Weights> =>
  loadWeights(encoderPath(), inversionEncoder().parameters, { strict: true })

/**
 * Loads the encoder.
 * @throws UserError when its weights are absent or another network's
 */
export const loadInversionEncoder: () => Promise<InversionEncoder> = once(async () => {
  const [encode, weights] = [inversionEncoder(), await loadEncoderWeights()]
  return faces => tf.tidy(() => encode(weights, faces))
})
