/** Quantiles with their 95 % intervals, as values have them. */
import { bootstrap, quantile } from './metrics/bootstrap.ts'

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
