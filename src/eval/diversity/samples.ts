/** Are the samples of one face different people? */
import { stack } from '../embedded.ts'
import { embeddingOf, embeddingsOf } from '../features/networks.ts'
import { usualThreshold } from '../identity/accept-thresholds.ts'
import { meanOf, shareOf } from '../intervals.ts'
import type { Metric, Value } from '../metric.ts'
import { cosineDiversity, diversityDefinition } from '../metrics/diversity.ts'
import { tarAtFarDefinition } from '../metrics/tar-at-far.ts'
import { dot } from '../metrics/vectors.ts'

/** Of versions of several samples, cut out where the original's face is. */
export const diversity: Metric = {
  name: 'diversity',
  group: 'diversity',
  definitions: [diversityDefinition, tarAtFarDefinition],
  needs: embeddingsOf,
  run: async (study, version) => {
    const count = study.sampleCount(version)
    if (count < 2) return { values: [] }
    const values: Value[] = []
    for (const recognizer of study.recognizers) {
      const samples = await Promise.all(
        Array.from({ length: count }, (_, sample) => study.rows(embeddingOf(recognizer), version, { sample })),
      )
      const faces = study.cases.flatMap(({ identity }, i) =>
        samples[0]![i] ? [{ identity, vectors: stack(samples.map(rows => rows[i]!)) }] : [],
      )
      if (faces.length === 0) continue
      const about = {
        version,
        of: `${count} samples of one face`,
        recognizer,
        role: study.role(recognizer),
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
      const threshold = await usualThreshold(study, recognizer, 'original')
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
    return { values }
  },
}
