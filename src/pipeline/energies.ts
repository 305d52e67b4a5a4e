/** What a recipe's guidance reads of the samples of one face, and lowers. */
import * as tf from '@tensorflow/tfjs'
import { forGuide, type Recipe } from '../config/recipe.ts'
import type { Energy } from '../diffusion/guidance.ts'
import { diversity } from '../energies/diversity.ts'
import { dissimilarity, similarity } from '../energies/identity.ts'
import type { ImageEnergy } from '../energies/image-energy.ts'
import { shellEnergy } from '../models/generator/shell.ts'
import type { Recognizer } from '../models/recognizers/recognizer.ts'

/** The face that samples stand for. */
export interface EnergyOptions {
  /** The recognizers that guide, over faces in the model's alignment. */
  readonly guides: readonly Recognizer[]
  /** The original's embedding under each guide, [1, d]. */
  readonly references: readonly tf.Tensor2D[]
  /** Under each guide, the lowest cosine among unrelated faces like this one: the least floor of the recipe's energies. */
  readonly floors?: readonly number[]
  /** Latents -> pictures; differentiable. */
  readonly decode: (latents: tf.Tensor4D) => tf.Tensor4D
  /** What of decoded pictures the photo will show: recognizers see that. */
  readonly composite: (images: tf.Tensor4D) => tf.Tensor4D
  /** The weighted sum of the recipe's energies of pictures. */
  readonly images?: ImageEnergy
}

/** Latents -> [n, d]: embeddings under each guide, one after the other, and last each sample's own energy. */
export function readSamples(
  { shell }: Pick<Recipe['energies'], 'shell'>,
  { guides, decode, composite, images }: EnergyOptions,
): (latents: tf.Tensor4D) => tf.Tensor2D {
  return latents => {
    const decoded = decode(latents)
    const seen = composite(decoded)
    const embeddings = guides.map(({ embed }) => embed(seen))
    const own: tf.Tensor1D[] = []
    if (images) own.push(images.energy(decoded))
    if (shell > 0) own.push(tf.mul(shellEnergy(latents), shell))
    if (own.length === 0) return tf.concat(embeddings, 1) as tf.Tensor2D
    return tf.concat([...embeddings, tf.reshape(tf.addN(own), [-1, 1])], 1) as tf.Tensor2D
  }
}

/**
 * The weighted sum of a recipe's energies, of what `readSamples` gives.
 * @param others embeddings [m, d] of further samples under each guide, from which these are to differ as from each other
 */
export function energyOf(
  weights: Recipe['energies'],
  { guides, references, floors }: Pick<EnergyOptions, 'guides' | 'references' | 'floors'>,
  others?: readonly tf.Tensor2D[],
): Energy {
  const width = guides.reduce((sum, { dimensions }) => sum + dimensions, 0)
  return features => {
    const n = features.shape[0]
    const terms: tf.Scalar[] = []
    let start = 0
    for (const [i, { name, dimensions }] of guides.entries()) {
      const embeddings = tf.slice(features, [0, start], [n, dimensions])
      start += dimensions
      const floor = Math.max(forGuide(weights.floor, name), floors?.[i] ?? -1)
      const add = (weight: Recipe['energies']['similarity'], energy: () => tf.Scalar) => {
        const factor = forGuide(weight, name)
        if (factor > 0) terms.push(tf.mul(energy(), factor) as tf.Scalar)
      }
      add(weights.dissimilarity, () => dissimilarity(embeddings, references[i]!, floor))
      add(weights.similarity, () => similarity(embeddings, references[i]!))
      add(weights.diversity, () => diversity(others ? tf.concat([embeddings, others[i]!]) : embeddings, floor))
    }
    if (features.shape[1] > width) terms.push(tf.sum(tf.slice(features, [0, width], [n, 1])))
    return terms.length === 0 ? (tf.mul(tf.sum(features), 0) as tf.Scalar) : tf.addN(terms)
  }
}
