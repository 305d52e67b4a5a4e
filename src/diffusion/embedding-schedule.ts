/** Which embedding conditions which timestep: the paper's set C = {c_0..c_9}, one for each bucket of timesteps, and u. */

export const bucketCount = 10

/** The bucket b = floor(10 t / T) of a timestep, 0 to 9. */
export function bucketOf(timestep: number, totalSteps = 1000): number {
  return Math.min(bucketCount - 1, Math.floor((bucketCount * timestep) / totalSteps))
}

/**
 * The embedding of a timestep: c of its bucket above `threshold`, the unconditional u at and below it.
 * A threshold below 0 always gives c, one of T or more always u.
 */
export function scheduledEmbedding<T>(
  conditional: readonly T[],
  unconditional: T,
  threshold: number,
): (timestep: number) => T {
  return timestep => (timestep > threshold ? conditional[bucketOf(timestep)]! : unconditional)
}
