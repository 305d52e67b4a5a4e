/** A distribution in equally wide bins, as TensorBoard draws them. */
export interface Histogram {
  readonly min: number
  readonly max: number
  readonly count: number
  readonly sum: number
  readonly sumOfSquares: number
  /** Right edges of the bins, ascending. */
  readonly edges: number[]
  readonly counts: number[]
}

/** Of all values of the arrays together; those that are not finite are left out. Undefined when none is left. */
export function histogram(arrays: readonly Float32Array[], bins = 30): Histogram | undefined {
  let [min, max, count, sum, sumOfSquares] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0, 0]
  for (const values of arrays) {
    for (const value of values) {
      if (!Number.isFinite(value)) continue
      if (value < min) min = value
      if (value > max) max = value
      count++
      sum += value
      sumOfSquares += value * value
    }
  }
  if (count === 0) return undefined
  if (min === max) return { min, max, count, sum, sumOfSquares, edges: [max], counts: [count] }
  const width = (max - min) / bins
  const counts = Array.from({ length: bins }, () => 0)
  for (const values of arrays)
    for (const value of values)
      if (Number.isFinite(value)) counts[Math.min(bins - 1, Math.floor((value - min) / width))]!++
  const edges = counts.map((_, i) => (i === bins - 1 ? max : min + (i + 1) * width))
  return { min, max, count, sum, sumOfSquares, edges, counts }
}
