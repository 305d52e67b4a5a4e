/**
 * Sampling uncertainty of a number: the percentile bootstrap (Efron, Annals of Statistics 7(1), 1979), for pairs as in Bolle, Ratha and Pankanti, CVIU 93(1), 2004.
 */
import { RandomStream } from '../../util/random.ts'

export interface Interval {
  readonly low: number
  readonly high: number
  /** Share of the distribution inside. */
  readonly level: number
  /** Samples that gave a number. */
  readonly resamples: number
}

export interface BootstrapOptions {
  /** 0 by default. */
  readonly seed?: number
  /** 1000 by default. */
  readonly resamples?: number
  /** 0.95 by default. */
  readonly level?: number
}

/**
 * The percentile interval of a statistic.
 * @param cases the number of cases, resampled independently; or the people of each case, to resample people
 * @param statistic the number for cases that count `weights[i]` times each; samples where it is NaN are left out
 */
export function bootstrap(
  cases: number | readonly (readonly string[])[],
  statistic: (weights: Float64Array) => number,
  { seed = 0, resamples = 1000, level = 0.95 }: BootstrapOptions = {},
): Interval {
  const random = new RandomStream(seed, 'bootstrap')
  const draw = typeof cases === 'number' ? drawCases(cases) : drawIdentities(cases)
  const values: number[] = []
  for (let i = 0; i < resamples; i++) {
    const value = statistic(draw(random))
    if (!Number.isNaN(value)) values.push(value)
  }
  const sorted = Float64Array.from(values).sort()
  const tail = (1 - level) / 2
  return { low: quantile(sorted, tail), high: quantile(sorted, 1 - tail), level, resamples: sorted.length }
}

/** sum(w x) / sum(w); NaN when all weights are 0. */
export function weightedMean(values: ArrayLike<number>, weights: Float64Array): number {
  let [sum, total] = [0, 0]
  for (let i = 0; i < weights.length; i++) {
    if (weights[i] === 0) continue // zero times an infinite PSNR is no number
    sum += weights[i]! * values[i]!
    total += weights[i]!
  }
  return sum / total
}

/** Quantile of sorted values, linear between neighbours (numpy's default). */
export function quantile(sorted: Float64Array, share: number): number {
  const place = share * (sorted.length - 1)
  const below = Math.floor(place)
  const [a, b] = [sorted[below]!, sorted[Math.min(below + 1, sorted.length - 1)]!]
  if (sorted.length === 0) return Number.NaN
  // Infinite neighbours have no difference.
  return a === b || place === below ? a : a + (place - below) * (b - a)
}

type Draw = (random: RandomStream) => Float64Array

function drawCases(count: number): Draw {
  const weights = new Float64Array(count)
  return random => {
    weights.fill(0)
    for (let i = 0; i < count; i++) weights[random.integer(count)]!++
    return weights
  }
}

function drawIdentities(cases: readonly (readonly string[])[]): Draw {
  const numbers = new Map<string, number>()
  const number = (identity: string) => {
    const known = numbers.get(identity) ?? numbers.size
    numbers.set(identity, known)
    return known
  }
  // A pair of one person's photos is that person's once.
  const first = Uint32Array.from(cases, people => number(people[0]!))
  const second = Int32Array.from(cases, ([a, b]) => (b === undefined || b === a ? -1 : number(b)))
  const times = new Float64Array(numbers.size)
  const weights = new Float64Array(cases.length)
  return random => {
    times.fill(0)
    for (let i = 0; i < times.length; i++) times[random.integer(times.length)]!++
    for (let i = 0; i < weights.length; i++) weights[i] = times[first[i]!]! * (second[i]! < 0 ? 1 : times[second[i]!]!)
    return weights
  }
}

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
