/** One aligned face: what is computed of it once, its protected versions, and what its key is made of. */
import * as tf from '@tensorflow/tfjs'
import type { Recipe } from '../config/recipe.ts'
import type { Recognizer } from '../models/recognizers/recognizer.ts'
import type { FaceModel } from './model.ts'
import { type KnownOfFace, type PreparedFace, type PrepareOptions, prepareFace } from './prepare-face.ts'
import { makeSecret, placeholdersOf, type RecoverySecret } from './recovery.ts'
import { type SampleOptions, sampleFace } from './sample-face.ts'

export interface VersionOptions extends Omit<SampleOptions, 'identity'> {
  /** Side of the result, of those that the model can decode to; the face's by default. */
  readonly size?: number | undefined
}

/** A face that is worked on. Nothing is computed before it is needed, and nothing twice. */
export interface OpenFace {
  /**
   * Protects the face as the recipe says.
   * @returns `samples` protected versions, [samples, s, s, 3] in [-1, 1], which are the caller's
   */
  protect(options?: VersionOptions): Promise<tf.Tensor4D>
  /** What of the face its key holds; both tensors are the caller's. */
  secret(): RecoverySecret
  dispose(): void
}

/**
 * Opens an aligned face for work under a recipe.
 * @param guides recognizers of faces on the template
 * @param face [1, s, s, 3] in [-1, 1], in the model's alignment; it stays the caller's, and must live as long as what is opened
 */
export function openFace(
  model: FaceModel,
  guides: readonly Recognizer[],
  face: tf.Tensor4D,
  recipe: Recipe,
  options: PrepareOptions,
): OpenFace {
  let vectors: tf.Tensor2D | undefined
  let latent: tf.Tensor4D | undefined
  let preparing: Promise<PreparedFace> | undefined
  let prepared: PreparedFace | undefined
  const known: KnownOfFace = {
    vectors: () => {
      vectors ??= placeholdersOf(model, face, recipe)
      return vectors
    },
    latent: () => {
      latent ??= model.encode(face)
      return latent
    },
  }
  return {
    async protect({ size = model.imageSize, ...sampling } = {}) {
      preparing ??= prepareFace(model, guides, face, recipe, { ...options, known })
      prepared = await preparing
      const latents = await sampleFace(model, prepared, recipe, { ...sampling, identity: options.identity })
      const faces = tf.tidy(() => tf.clipByValue(model.decode(latents, size), -1, 1) as tf.Tensor4D)
      latents.dispose()
      return faces
    },
    secret: () => makeSecret(model, face, recipe, { vectors: known.vectors(), latent: known.latent() }),
    dispose() {
      prepared?.dispose()
      tf.dispose([vectors, latent])
    },
  }
}

export type ProtectOptions = PrepareOptions & VersionOptions

/** The protected versions of a face that nothing else is done with. @see openFace @see OpenFace.protect */
export async function protectFace(
  model: FaceModel,
  guides: readonly Recognizer[],
  face: tf.Tensor4D,
  recipe: Recipe,
  options: ProtectOptions,
): Promise<tf.Tensor4D> {
  const open = openFace(model, guides, face, recipe, options)
  try {
    return await open.protect(options)
  } finally {
    open.dispose()
  }
}
