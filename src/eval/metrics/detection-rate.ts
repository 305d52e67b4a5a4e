import type { Definition } from './definition.ts'
import { type Proportion, proportion } from './proportion.ts'

export const detectionRateDefinition: Definition = {
  id: 'detection-rate',
  name: 'Detection rate',
  unit: 'share, 0..1',
  text: 'Share of pictures in which a named detector finds a face with at least a named score.',
  source: "the share of pictures; its interval is Wilson's",
}

/** The share of pictures with a face, of the best score in each (0 or none where nothing is found). */
export function detectionRate(scores: ArrayLike<number>, least: number): Proportion {
  return proportion(Array.from(scores).filter(score => score >= least).length, scores.length)
}
