/** How different the samples of one face are from each other. */
import type { Definition } from './definition.ts'
import { countOf, dot, type Vectors } from './vectors.ts'

export const diversityDefinition: Definition = {
  id: 'diversity',
  name: 'Diversity',
  unit: '0..2 for cosines; LPIPS 0 or more',
  text:
    'Mean over all pairs of samples of one face of 1 - cosine similarity by a named recognizer, or of LPIPS; then the mean ' +
    'over faces. A face with fewer than two samples has none and is left out.',
  source: 'mean pairwise distance; with LPIPS as in Zhu et al., NeurIPS 2017 (BicycleGAN)',
}

/**
 * The mean distance of all pairs of `count` samples; undefined for fewer than two.
 * @param distance of samples i < j
 */
export function meanPairwise(count: number, distance: (i: number, j: number) => number): number | undefined {
  let sum = 0
  for (let i = 0; i < count; i++) for (let j = i + 1; j < count; j++) sum += distance(i, j)
  return count < 2 ? undefined : sum / ((count * (count - 1)) / 2)
}

/** The mean of 1 - cosine similarity over all pairs of unit embeddings of samples of one face. */
export function cosineDiversity(samples: Vectors): number | undefined {
  return meanPairwise(countOf(samples), (i, j) => 1 - dot(samples, i, samples, j))
}
