/** Means and shares with their 95 % intervals, as values have them. */
import { bootstrap, proportion, quantile, weightedMean } from './metrics/bootstrap.ts'
import type { Definition } from './metrics/definition.ts'

export const intervalDefinition: Definition = {
  id: 'interval',
  name: '95 % interval',
  unit: 'as the number',
  text:
    'Percentile bootstrap: people are drawn with replacement, a pair counting as often as the product of the times that its ' +
    'two people were drawn, 1,000 times (100 times for more than 20,000 cases); thresholds are held. Of a share of none or ' +
    'of all, which no drawing would change, it is Wilson’s.',
  source: 'Efron, Annals of Statistics 7(1), 1979; Bolle, Ratha and Pankanti, CVIU 93(1), 2004; Wilson, JASA 22, 1927',
}

interface Measured {
  readonly value: number
  readonly n: number
  readonly interval: readonly [number, number]
}

/** Who is in each case: a person, or the two of a pair. */
type People = readonly (readonly string[])[]

/** The mean of some values. */
export function meanOf(values: ArrayLike<number>, people: People): Measured {
  const n = values.length
  const value = weightedMean(values, new Float64Array(n).fill(1))
  const { low, high } = bootstrap(people, weights => weightedMean(values, weights), {
    resamples: n > 20_000 ? 100 : 1000,
  })
  return { value, n, interval: [low, high] }
}

/** The share of true ones. */
export function shareOf(flags: readonly boolean[], people: People): Measured {
  const n = flags.length
  const count = flags.reduce((sum, flag) => sum + Number(flag), 0)
  if (count === 0 || count === n) return { value: count / n, n, interval: proportion(count, n).interval }
  return meanOf(flags.map(Number), people)
}

/** The share of pairs that are accepted: whose similarity is above the threshold. */
export function acceptedShare(scores: ArrayLike<number>, threshold: number, people: People): Measured {
  return shareOf(
    Array.from(scores, score => score > threshold),
    people,
  )
}

/** How much more often a flag is set after than before, of the same cases; below 0 where less often. */
export function changeOf(before: readonly boolean[], after: readonly boolean[], people: People): Measured {
  const changes = before.map((flag, i) => Number(after[i]) - Number(flag))
  if (changes.some(change => change !== 0)) return meanOf(changes, people)
  const [, high] = proportion(0, changes.length).interval
  return { value: 0, n: changes.length, interval: [-high, high] }
}

/** Those of `values` that are numbers, with whom each is of. */
export function numbersOf(values: readonly (number | undefined)[], people: People): [Float64Array, People] {
  const found = values.flatMap((value, i) =>
    value === undefined || Number.isNaN(value) ? [] : [{ value, of: people[i]! }],
  )
  return [Float64Array.from(found, ({ value }) => value), found.map(({ of }) => of)]
}

// Quantiles with their 95 % intervals, as values have them.

/** A quantile of some values, such as the median: linear between neighbours, its interval by bootstrap over people. */
export function quantileOf(
  values: ArrayLike<number>,
  people: readonly (readonly string[])[],
  share: number,
): { readonly value: number; readonly n: number; readonly interval: readonly [number, number] } {
  const order = Array.from(values, (_, i) => i).sort((i, j) => values[i]! - values[j]!)
  const statistic = (weights: Float64Array) => {
    const repeated: number[] = []
    for (const i of order) for (let k = 0; k < weights[i]!; k++) repeated.push(values[i]!)
    return quantile(Float64Array.from(repeated), share)
  }
  const { low, high } = bootstrap(people, statistic)
  return { value: statistic(new Float64Array(values.length).fill(1)), n: values.length, interval: [low, high] }
}
