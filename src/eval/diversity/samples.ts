/** Are the samples of one face different people? */
import { stack } from '../embedded.ts'
import type { EvalSet } from '../eval-set.ts'
import type { PerceptualDistance } from '../features/lpips.ts'
import { embeddingOf, embeddingsOf } from '../features/networks.ts'
import { usualThreshold } from '../identity/accept-thresholds.ts'
import { meanOf, numbersOf, shareOf } from '../intervals.ts'
import type { Metric, Score } from '../metric.ts'
import { cosineDiversity, diversityDefinition, meanPairwise } from '../metrics/diversity.ts'
import { tarAtFarDefinition } from '../metrics/tar-at-far.ts'
import { dot } from '../metrics/vectors.ts'

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
