/** Face verification as a statistic of similarity scores: a pair is accepted when its score is above the threshold. */

/** A share of `total` cases, with its 95 % interval. */
export interface Proportion {
  readonly count: number
  readonly total: number
  readonly rate: number
  /** Wilson's, which takes the cases for independent. */
  readonly interval: readonly [number, number]
}

/**
 * The smallest threshold that accepts at most the share `far` of impostors. Scores equal to it are refused, so that
 * ties never make the rate larger than asked for: it is the impostor score of rank floor(far n) + 1.
 * @param impostorScores similarities of pairs of different people, in any order
 * @param far false accept rate, 0 <= far < 1
 */
export function thresholdAtFar(impostorScores: Float32Array | readonly number[], far: number): number {
  if (!(far >= 0 && far < 1)) throw new Error(`thresholdAtFar: expected a rate in [0, 1), found ${far}`)
  if (impostorScores.length === 0) throw new Error('thresholdAtFar: expected impostor scores, found none')
  const ascending = Float64Array.from(impostorScores).sort()
  // Twenty-nine hundredths of 100 are 28.999999999999996.
  const accepted = Math.floor(far * ascending.length + 1e-9)
  return ascending[ascending.length - 1 - accepted]!
}

/** The share of scores above the threshold: the true accept rate of genuine pairs, the false one of impostors. */
export function acceptRate(scores: Float32Array | readonly number[], threshold: number): Proportion {
  let count = 0
  for (const score of scores) if (score > threshold) count++
  return proportion(count, scores.length)
}

/**
 * `count` of `total` with Wilson's 95 % score interval (JASA 22, 1927), which holds near 0 and 1 too. Cases that depend
 * on each other, as pairs that share a photo, make the truth vary more than it says.
 */
export function proportion(count: number, total: number): Proportion {
  if (!(total > 0 && count >= 0 && count <= total))
    throw new Error(`proportion: expected 0 <= count <= total > 0, found ${count} of ${total}`)
  const z = 1.959963984540054 // the normal distribution's quantile at 0.975
  const rate = count / total
  const centre = (rate + z ** 2 / (2 * total)) / (1 + z ** 2 / total)
  const half = (z / (1 + z ** 2 / total)) * Math.sqrt((rate * (1 - rate)) / total + z ** 2 / (4 * total ** 2))
  // At 0 and 1 the bound is the rate itself, but for rounding.
  const interval = [count === 0 ? 0 : centre - half, count === total ? 1 : centre + half] as const
  return { count, total, rate, interval }
}
