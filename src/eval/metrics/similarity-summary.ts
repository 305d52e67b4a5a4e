/** A distribution of similarities in a few numbers. */
import { quantile } from './bootstrap.ts'
import type { Definition } from './definition.ts'
import { ascending, checkScores, type Scores } from './scores.ts'

export const cosineDefinition: Definition = {
  id: 'cosine',
  name: 'Cosine similarity',
  unit: '-1..1',
  text:
    'Cosine of the angle between the embeddings of two faces by a named recognizer; of many pairs, their mean, and beside it ' +
    'how they are distributed.',
  source: 'the dot product of unit embeddings',
}

export interface SimilaritySummary {
  readonly count: number
  readonly mean: number
  readonly deviation: number
  readonly minimum: number
  readonly maximum: number
  /** At 5, 25, 50, 75 and 95 %, linear between neighbours. */
  readonly quantiles: readonly [p5: number, p25: number, p50: number, p75: number, p95: number]
}

/** Summarises similarities of any pairs. */
export function summariseSimilarities(scores: Scores): SimilaritySummary {
  checkScores('summariseSimilarities', 'similarity', scores)
  const sorted = ascending(scores)
  const count = sorted.length
  const mean = sorted.reduce((sum, score) => sum + score, 0) / count
  const deviation = Math.sqrt(sorted.reduce((sum, score) => sum + (score - mean) ** 2, 0) / count)
  const at = (share: number) => quantile(sorted, share)
  return {
    count,
    mean,
    deviation,
    minimum: sorted[0]!,
    maximum: sorted[count - 1]!,
    quantiles: [at(0.05), at(0.25), at(0.5), at(0.75), at(0.95)],
  }
}
