/** Verification at one false accept rate: a pair is accepted when its score is above the threshold. */

import { type Proportion, proportion } from './bootstrap.ts'
import type { Definition, Unmeasured } from './definition.ts'
import { ascending, checkScores, type Scores } from './roc.ts'

export const tarAtFarDefinition: Definition = {
  id: 'tar-at-far',
  name: 'TAR at FAR',
  unit: 'share, 0..1',
  text:
    'Share of pairs whose similarity is above the threshold, which is the smallest that at most the share FAR of clean ' +
    'impostor pairs is above; scores equal to it are refused. With impostor pairs for fewer than ten false accepts the ' +
    'threshold would be left to chance, and there is no answer. Which pairs is said beside it: an original and its version; ' +
    'an original and the version of another photo of the person; two originals of one person, which is what the recognizer ' +
    'does without protection; or versions of two people, which is FAR where they are as unlike as people are, and more ' +
    'where protection makes people alike.',
  source: 'ISO/IEC 19795-1; equals the largest tpr of scikit-learn roc_curve with fpr <= FAR',
}

/**
 * The smallest threshold that accepts at most the share `far` of impostors. Scores equal to it are refused, so that
 * ties never make the rate larger than asked for: it is the impostor score of rank floor(far n) + 1.
 * @param impostorScores similarities of pairs of different people, in any order
 * @param far false accept rate, 0 <= far < 1
 */
export function thresholdAtFar(impostorScores: Scores, far: number): number {
  if (!(far >= 0 && far < 1)) throw new Error(`thresholdAtFar: expected a rate in [0, 1), found ${far}`)
  checkScores('thresholdAtFar', 'impostor', impostorScores)
  const sorted = ascending(impostorScores)
  return sorted[sorted.length - 1 - allowed(far, sorted.length)]!
}

/** The share of scores above the threshold: the true accept rate of genuine pairs, the false one of impostors. */
export function acceptRate(scores: Scores, threshold: number): Proportion {
  let count = 0
  for (const score of scores) if (score > threshold) count++
  return proportion(count, scores.length)
}

/** Fewer false accepts than this would leave the threshold to chance. */
const leastAccepted = 10

/** Says so where `count` impostor pairs are too few to set a threshold at the rate `far`. */
export function tooFewImpostors(count: number, far: number): Unmeasured | undefined {
  if (allowed(far, count) >= leastAccepted) return undefined
  const needed = Math.ceil(leastAccepted / far - 1e-9)
  return { unmeasured: `expected ${needed} impostor pairs or more for a false accept rate of ${far}, found ${count}` }
}

/** How many of `count` impostors a rate allows: twenty-nine hundredths of 100 are 28.999999999999996. */
const allowed = (far: number, count: number) => Math.floor(far * count + 1e-9)
