/** How different the samples of one face are from each other. */

import { stack } from '../embeddings.ts'
import type { EvalSet } from '../eval-set.ts'
import type { PerceptualDistance } from '../features/lpips.ts'
import { embeddingOf, embeddingsOf } from '../features/networks.ts'
import { usualThreshold } from '../identity/accept-thresholds.ts'
import { meanOf, numbersOf, shareOf } from '../intervals.ts'
import type { Metric, Score } from '../metric.ts'
import type { Definition } from './definition.ts'
import { tarAtFarDefinition } from './tar-at-far.ts'
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

// Are the samples of one face different people?

/** Of versions of several samples: by each recognizer, cut out where the original's face is, and by LPIPS of whole pictures. */
export function diversity(lpips?: PerceptualDistance): Metric {
  return {
    name: 'diversity',
    group: 'diversity',
    definitions: [diversityDefinition, tarAtFarDefinition],
    needs: evalSet => [...embeddingsOf(evalSet), ...(lpips ? [lpips.feature] : [])],
    run: async (evalSet, version) => {
      if (evalSet.sampleCount(version) < 2) return { values: [] }
      const distances = lpips ? await ofPictures(evalSet, version, lpips) : []
      return { values: [...(await ofFaces(evalSet, version)), ...distances] }
    },
  }
}

async function ofFaces(evalSet: EvalSet, version: string): Promise<Score[]> {
  const count = evalSet.sampleCount(version)
  const values: Score[] = []
  for (const recognizer of evalSet.recognizers) {
    const samples = await Promise.all(
      Array.from({ length: count }, (_, sample) => evalSet.rows(embeddingOf(recognizer), version, { sample })),
    )
    const faces = evalSet.cases.flatMap(({ identity }, i) =>
      samples[0]![i] ? [{ identity, vectors: stack(samples.map(rows => rows[i]!)) }] : [],
    )
    if (faces.length === 0) continue
    const about = {
      version,
      of: `${count} samples of one face`,
      recognizer,
      role: evalSet.role(recognizer),
      alignment: 'original',
    } as const
    values.push({
      definition: diversityDefinition.id,
      ...meanOf(
        faces.map(({ vectors }) => cosineDiversity(vectors)!),
        faces.map(({ identity }) => [identity]),
      ),
      ...about,
    })
    const threshold = await usualThreshold(evalSet, recognizer, 'original')
    if (!threshold) continue
    const pairs = faces.flatMap(({ vectors, identity }) =>
      Array.from({ length: count }, (_, i) => i).flatMap(i =>
        Array.from({ length: i }, (_, j) => ({ score: dot(vectors, i, vectors, j), identity })),
      ),
    )
    values.push({
      definition: tarAtFarDefinition.id,
      ...shareOf(
        pairs.map(({ score }) => score > threshold.threshold),
        pairs.map(({ identity }) => [identity]),
      ),
      ...about,
      of: 'two samples of one face',
      ...threshold,
    })
  }
  return values
}

async function ofPictures(
  evalSet: EvalSet,
  version: string,
  { name: network, feature }: PerceptualDistance,
): Promise<Score[]> {
  const count = evalSet.sampleCount(version)
  const distances = await Promise.all(
    Array.from({ length: count }, (_, sample) =>
      Promise.all(Array.from({ length: sample }, (_, against) => evalSet.rows(feature, version, { sample, against }))),
    ),
  )
  const each = evalSet.cases.map((_, k) =>
    distances[1]![0]![k] ? meanPairwise(count, (i, j) => distances[j]![i]![k]![0]!) : undefined,
  )
  const [found, people] = numbersOf(
    each,
    evalSet.cases.map(({ identity }) => [identity]),
  )
  if (found.length === 0) return []
  return [
    {
      definition: diversityDefinition.id,
      version,
      of: `${count} samples of one face`,
      ...meanOf(found, people),
      network,
    },
  ]
}
