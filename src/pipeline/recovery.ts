/** What recovery needs of a face, and recovery: DDIM inversion under the face's own embeddings, and sampling back. */
import * as tf from '@tensorflow/tfjs'
import { keepsDefect, type Recipe } from '../config/recipe.ts'
import type { Denoiser } from '../diffusion/ddim.ts'
import { sample } from '../diffusion/ddim.ts'
import { inversionSteps, invert, paperCodeInversionSteps } from '../diffusion/inversion.ts'
import { ddimSteps, scheduledEmbedding } from '../diffusion/schedule.ts'
import type { FaceModel } from './model.ts'

/** What of a face its key holds: key-E, the ten placeholder vectors [10, d], and key-I, the inverted latent [1, l, l, z]. */
export interface RecoverySecret {
  readonly vectors: tf.Tensor2D
  readonly latent: tf.Tensor4D
}

/**
 * Inverts a face into what recovery needs.
 * @param face [1, s, s, 3] in [-1, 1]
 * @param known what was computed of the face already, which stays the caller's: its placeholder vectors and its latent z0
 */
export function makeSecret(
  model: FaceModel,
  face: tf.Tensor4D,
  recipe: Pick<Recipe, 'recovery' | 'compat'>,
  known: { readonly vectors?: tf.Tensor2D; readonly latent?: tf.Tensor4D } = {},
): RecoverySecret {
  const { steps, refinements } = recipe.recovery
  return tf.tidy(() => {
    const vectors = known.vectors?.clone() ?? placeholdersOf(model, face, recipe)
    const transitions = keepsDefect(recipe, 'shiftedInversion') ? paperCodeInversionSteps : inversionSteps
    const trajectory = transitions(ddimSteps(model.schedule, steps))
    const x0 = known.latent ?? model.encode(face)
    const latent = invert(denoiserFor(model, vectors), x0, trajectory, refinements)
    return { vectors, latent }
  })
}

/** Regenerates the face from its secret alone, in as many steps as it was inverted in: [1, s, s, 3] in [-1, 1]. */
export function recoverFace(model: FaceModel, { vectors, latent }: RecoverySecret, steps: number): tf.Tensor4D {
  return tf.tidy(() => {
    const clean = sample(denoiserFor(model, vectors), latent, ddimSteps(model.schedule, steps))
    return tf.clipByValue(model.decode(clean), -1, 1)
  })
}

/** What the autoencoder alone leaves of faces, the most that recovery can reach: [n, s, s, 3] in [-1, 1] -> the same. */
export function reconstruct(model: FaceModel, faces: tf.Tensor4D): tf.Tensor4D {
  return tf.tidy(() => tf.clipByValue(model.decode(model.encode(faces)), -1, 1))
}

/** The denoiser under c_b at every timestep. */
function denoiserFor(model: FaceModel, vectors: tf.Tensor2D): Denoiser {
  const embeddingAt = scheduledEmbedding(model.conditional(vectors), model.unconditional, -1, model.schedule.steps)
  return (z, timestep) => model.predictNoise(z, timestep, embeddingAt(timestep))
}

/** The ten placeholder vectors of a face [1, s, s, 3] in [-1, 1] under a recipe, [10, d]. */
export function placeholdersOf(model: FaceModel, face: tf.Tensor4D, recipe: Pick<Recipe, 'compat'>): tf.Tensor2D {
  return tf.tidy(() => model.placeholders(keepsDefect(recipe, 'darkFeatures') ? asBytes(face) : face))
}

/**
 * What the release shows CLIP: values in [-1, 1] cast to bytes as they are (towards zero, -1 becoming 255), and these
 * taken for a picture, here in [-1, 1] again.
 */
function asBytes(face: tf.Tensor4D): tf.Tensor4D {
  const bytes = tf.add(
    tf.cast(tf.greaterEqual(face, 1), 'float32'),
    tf.mul(tf.cast(tf.lessEqual(face, -1), 'float32'), 255),
  )
  return tf.sub(tf.div(bytes, 127.5), 1) as tf.Tensor4D
}
