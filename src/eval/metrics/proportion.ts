/** The normal distribution's quantile at 0.975: 95 % of it lie within so many deviations of the mean. */
export const deviations95 = 1.959963984540054

/** A share of `total` cases, with its 95 % interval. */
export interface Proportion {
  readonly count: number
  readonly total: number
  readonly rate: number
  /** Wilson's, which takes the cases for independent. */
  readonly interval: readonly [number, number]
}

/**
 * `count` of `total` with Wilson's 95 % score interval (JASA 22, 1927), which holds near 0 and 1 too. Cases that depend
 * on each other, as pairs that share a photo, make the truth vary more than it says: see bootstrap.ts for those.
 */
export function proportion(count: number, total: number): Proportion {
  if (!(total > 0 && count >= 0 && count <= total))
    throw new Error(`proportion: expected 0 <= count <= total > 0, found ${count} of ${total}`)
  const z = deviations95
  const rate = count / total
  const centre = (rate + z ** 2 / (2 * total)) / (1 + z ** 2 / total)
  const half = (z / (1 + z ** 2 / total)) * Math.sqrt((rate * (1 - rate)) / total + z ** 2 / (4 * total ** 2))
  // At 0 and 1 the bound is the rate itself, but for rounding.
  const interval = [count === 0 ? 0 : centre - half, count === total ? 1 : centre + half] as const
  return { count, total, rate, interval }
}
