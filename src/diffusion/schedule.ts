/** Noise schedules of latent diffusion and the timesteps that DDIM visits. All arithmetic in float64. */

export interface NoiseSchedule {
  /** T, the number of training timesteps. */
  readonly steps: number
  /** abar_t for t = 0..T-1: the share of signal variance left at timestep t. */
  readonly alphasCumprod: Float64Array
}

export interface ScheduleConfig {
  readonly steps: number
  readonly betaStart: number
  readonly betaEnd: number
}

/** Stable Diffusion's schedule. */
const latentDiffusionSchedule: ScheduleConfig = { steps: 1000, betaStart: 0.00085, betaEnd: 0.012 }

/** Betas linear in their square root from `betaStart` to `betaEnd` (Rombach et al. 2022, `scaled_linear`). */
export function noiseSchedule({ steps, betaStart, betaEnd }: ScheduleConfig = latentDiffusionSchedule): NoiseSchedule {
  const alphasCumprod = new Float64Array(steps)
  let product = 1
  for (let t = 0; t < steps; t++) {
    const root = Math.sqrt(betaStart) + ((Math.sqrt(betaEnd) - Math.sqrt(betaStart)) * t) / (steps - 1)
    product *= 1 - root * root
    alphasCumprod[t] = product
  }
  return { steps, alphasCumprod }
}

/** One step of a DDIM trajectory. */
export interface DdimStep {
  /** Place in the trajectory, 0 for the least noisy. */
  readonly index: number
  /** Timestep t at which the noise is predicted. */
  readonly timestep: number
  /** abar_t. */
  readonly alphaCumprod: number
  /** abar of the previous, less noisy timestep; abar_0 at the first. */
  readonly alphaCumprodPrev: number
  /** abar of the next, noisier timestep of the trajectory; at the last, of the very next timestep there is. */
  readonly alphaCumprodNext: number
}

/** The `count` timesteps that DDIM visits, least noisy first: floor(T / count) i + 1 (Song et al. 2021, as in CompVis). */
export function ddimSteps(schedule: NoiseSchedule, count: number): DdimStep[] {
  if (!Number.isInteger(count) || count < 1 || count > schedule.steps / 2) {
    throw new RangeError(`ddimSteps: expected 1 to ${schedule.steps / 2} steps, found ${count}`)
  }
  const stride = Math.floor(schedule.steps / count)
  const timesteps = Array.from({ length: count }, (_, i) => stride * i + 1)
  const alphaAt = (t: number) => schedule.alphasCumprod[Math.min(t, schedule.steps - 1)]!
  return timesteps.map((timestep, index) => ({
    index,
    timestep,
    alphaCumprod: alphaAt(timestep),
    alphaCumprodPrev: alphaAt(index === 0 ? 0 : timesteps[index - 1]!),
    alphaCumprodNext: alphaAt(timesteps[index + 1] ?? timestep + 1),
  }))
}

/** Standard deviation of the noise that a DDIM step adds (Song et al. 2021, equation 16). */
export function ddimSigma({ alphaCumprod, alphaCumprodPrev }: DdimStep, eta: number): number {
  return eta * Math.sqrt(((1 - alphaCumprodPrev) / (1 - alphaCumprod)) * (1 - alphaCumprod / alphaCumprodPrev))
}

// Which embedding conditions which timestep: the paper's set C = {c_0..c_9}, one for each bucket of timesteps, and u.

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
