/** The encoder of photos into the generator's latents, with its weights, which are read once a process. */
import * as tf from '@tensorflow/tfjs'
import { repositoryPath } from '#paths'
import { inversionEncoder } from '../models/inversion-encoder.ts'
import type { Weights } from '../models/module.ts'
import { once } from '../util/memoize.ts'
import { loadWeights } from '../weights/load.ts'

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
