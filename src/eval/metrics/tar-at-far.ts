/** Verification at one false accept rate: a pair is accepted when its score is above the threshold. */
import { type BootstrapOptions, bootstrap, type Interval, type Resampling } from './bootstrap.ts'
import type { Definition, Unmeasured } from './definition.ts'
import { type Proportion, proportion } from './proportion.ts'
import { ascending, checkScores, type Scores } from './scores.ts'

export const tarAtFarDefinition: Definition = {
  id: 'tar-at-far',
  name: 'TAR at FAR',
  unit: 'share, 0..1',
  text:
    'Share of genuine pairs whose similarity is above the threshold. The threshold is the smallest that at most the share ' +
    'FAR of clean impostor pairs is above; scores equal to it are refused. With fewer than 1 / FAR impostor pairs no ' +
    'impostor may be accepted and there is no answer.',
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

/** How many of `count` impostors a rate allows: twenty-nine hundredths of 100 are 28.999999999999996. */
const allowed = (far: number, count: number) => Math.floor(far * count + 1e-9)

/** A true accept rate and all that it rests on. */
export interface TarAtFar {
  readonly far: number
  readonly threshold: number
  readonly tar: Proportion
  /** Impostors above the threshold: with few of them, the threshold is left to chance. */
  readonly falseAccepts: Proportion
  /** Of the rate, when both kinds of pairs are drawn anew and the threshold with them. */
  readonly interval: Interval
}

/**
 * The true accept rate of `genuine` pairs at the threshold that `impostor` pairs set.
 * @param identities who is in each pair, genuine ones first: pairs of one person are then drawn together
 */
export function tarAtFar(
  genuine: Scores,
  impostor: Scores,
  far: number,
  { identities, ...options }: BootstrapOptions & { identities?: Resampling['cases'] } = {},
): TarAtFar | Unmeasured {
  checkScores('tarAtFar', 'genuine', genuine)
  const short = tooFewImpostors(impostor.length, far)
  if (short) return short
  const threshold = thresholdAtFar(impostor, far)
  const descending = Uint32Array.from(impostor.keys()).sort((a, b) => impostor[b]! - impostor[a]!)
  const statistic = (weights: Float64Array): number => {
    const drawn = weights.subarray(genuine.length)
    const limit = thresholdOfWeighted(impostor, descending, drawn, far)
    if (Number.isNaN(limit)) return limit
    let [accepted, total] = [0, 0]
    for (let i = 0; i < genuine.length; i++) {
      total += weights[i]!
      if (genuine[i]! > limit) accepted += weights[i]!
    }
    return accepted / total
  }
  const cases = identities ?? genuine.length + impostor.length
  return {
    far,
    threshold,
    tar: acceptRate(genuine, threshold),
    falseAccepts: acceptRate(impostor, threshold),
    interval: bootstrap(cases, statistic, options),
  }
}

/** Says so when `count` impostor pairs are too few to accept one of them at the rate `far`. */
export function tooFewImpostors(count: number, far: number): Unmeasured | undefined {
  if (allowed(far, count) >= 1) return undefined
  return { unmeasured: `FAR ${far} needs ${Math.ceil(1 / far - 1e-9)} impostor pairs or more, there are ${count}` }
}

/** thresholdAtFar of scores of which each counts `weights[i]` times. */
function thresholdOfWeighted(scores: Scores, descending: Uint32Array, weights: Float64Array, far: number): number {
  let total = 0
  for (const weight of weights) total += weight
  if (total === 0) return Number.NaN
  const limit = allowed(far, total)
  let above = 0
  for (const i of descending) {
    above += weights[i]!
    if (above > limit) return scores[i]!
  }
  throw new Error('thresholdOfWeighted: a rate below 1 allows less than all')
}
