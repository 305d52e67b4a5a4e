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
