/** The receiver operating characteristic of verification: a pair is accepted when its score is above the threshold. */
import type { Definition } from './definition.ts'

/** Similarity scores of pairs of faces: of one person (genuine) and of two (impostor). */
export type Scores = Float32Array | Float64Array | readonly number[]

/** Scores in float64 in ascending order. */
export function ascending(scores: Scores): Float64Array {
  return Float64Array.from(scores).sort()
}

/** @throws Error when there is none, or one is not a number */
export function checkScores(caller: string, kind: string, scores: Scores): void {
  if (scores.length === 0) throw new Error(`${caller}: expected ${kind} scores, found none`)
  for (const score of scores) if (Number.isNaN(score)) throw new Error(`${caller}: a ${kind} score is not a number`)
}

export const aucDefinition: Definition = {
  id: 'auc',
  name: 'AUC',
  unit: '0..1; 0.5 is chance',
  text:
    'Area under the curve of true accept rate over false accept rate: the probability that a genuine pair scores above ' +
    'an impostor pair, ties counting one half.',
  source: 'Hanley and McNeil, Radiology 143(1), 1982; equals scikit-learn roc_auc_score',
}

export const eerDefinition: Definition = {
  id: 'eer',
  name: 'EER',
  unit: 'share, 0..1',
  text:
    'Equal error rate: where the false accept rate equals the false reject rate, on the ROC curve with straight lines ' +
    'between its points.',
  source: 'ISO/IEC 19795-1; equals the root of 1 - x - interp1d(far, tar)(x) on scikit-learn roc_curve',
}

/** Points of the curve from (0, 0) to (1, 1), one for each distinct score and one more. */
export interface Roc {
  /** Descending; the last is -Infinity, which accepts all. */
  readonly thresholds: Float64Array
  /** The share of impostors above each threshold. */
  readonly far: Float64Array
  /** The share of genuine pairs above each threshold. */
  readonly tar: Float64Array
}

/**
 * The whole curve. Equal scores are one point, so that no order among them is assumed.
 * @throws Error when there are no scores of one kind
 */
export function roc(genuine: Scores, impostor: Scores): Roc {
  checkScores('roc', 'genuine', genuine)
  checkScores('roc', 'impostor', impostor)
  const [g, f] = [ascending(genuine), ascending(impostor)]
  let [i, j] = [g.length, f.length] // scores below these places are not yet accepted
  const thresholds: number[] = []
  const far: number[] = []
  const tar: number[] = []
  for (;;) {
    const next = Math.max(i > 0 ? g[i - 1]! : -Infinity, j > 0 ? f[j - 1]! : -Infinity)
    thresholds.push(next)
    far.push((f.length - j) / f.length)
    tar.push((g.length - i) / g.length)
    if (i === 0 && j === 0) break
    while (i > 0 && g[i - 1] === next) i--
    while (j > 0 && f[j - 1] === next) j--
  }
  return { thresholds: Float64Array.from(thresholds), far: Float64Array.from(far), tar: Float64Array.from(tar) }
}

/** The area under the curve, by trapezoids. */
export function auc({ far, tar }: Roc): number {
  let area = 0
  for (let i = 1; i < far.length; i++) area += ((far[i]! - far[i - 1]!) * (tar[i]! + tar[i - 1]!)) / 2
  return area
}

/** The rate where false accepts and false rejects are equally frequent, and the threshold of the point nearest to it. */
export function equalErrorRate({ thresholds, far, tar }: Roc): { rate: number; threshold: number } {
  // far + tar - 1 grows from -1 to 1 along the curve.
  const after = far.findIndex((f, i) => f + tar[i]! >= 1)
  const before = after - 1
  const [from, to] = [far[before]! + tar[before]! - 1, far[after]! + tar[after]! - 1]
  const share = from / (from - to)
  return {
    rate: far[before]! + share * (far[after]! - far[before]!),
    threshold: thresholds[share < 0.5 ? before : after]!,
  }
}

/**
 * The probability that a positive case scores above a negative one, ties counting one half, of cases that count so often each.
 * @returns weights -> area under the ROC curve, NaN where one kind has none
 */
export function weightedAuc(
  scores: readonly number[],
  positive: readonly boolean[],
): (weights: Float64Array) => number {
  const order = scores.map((_, i) => i).sort((i, j) => scores[i]! - scores[j]!)
  return weights => {
    let [below, positives, sum] = [0, 0, 0] // negatives so far, positives so far, pairs in the right order
    for (let k = 0; k < order.length; ) {
      let [up, down] = [0, 0]
      const score = scores[order[k]!]!
      for (; k < order.length && scores[order[k]!] === score; k++) {
        const i = order[k]!
        if (positive[i]) up += weights[i]!
        else down += weights[i]!
      }
      sum += up * (below + down / 2)
      below += down
      positives += up
    }
    return sum / (positives * below)
  }
}
