/** Which embedding conditions which timestep: the paper's set C = {c_0..c_9}, one for each bucket of timesteps, and u. */

/** The bucket b = floor(B t / T) of a timestep, 0 to B - 1. */
export function bucketOf(timestep: number, buckets: number, totalSteps: number): number {
  return Math.min(buckets - 1, Math.floor((buckets * timestep) / totalSteps))
}

/**
 * The embedding of a timestep: c of its bucket above `threshold`, the unconditional u at and below it.
 * A threshold below 0 always gives c, one of T or more always u.
 * @param conditional c_b of every bucket
 * @param totalSteps T
 */
export function scheduledEmbedding<T>(
  conditional: readonly T[],
  unconditional: T,
  threshold: number,
  totalSteps: number,
): (timestep: number) => T {
  return timestep =>
    timestep > threshold ? conditional[bucketOf(timestep, conditional.length, totalSteps)]! : unconditional
}
