import { ddimSigma, ddimSteps, noiseSchedule } from '../diffusion/schedule.ts'
import { type Check, relativeError } from './golden.ts'

export interface ScheduleGoldenFile {
  betas_first_last: number[]
  alphas_cumprod: Record<string, number>
  /** By number of steps. */
  ddim: Record<
    string,
    {
      timesteps: number[]
      alphas: number[]
      alphas_prev: number[]
      alphas_next: number[]
      sigmas_by_eta: Record<string, number[]>
    }
  >
}

/** Both sides compute in float64. */
const exact = 1e-9

/** Betas at 0, 1, T/2 and T-1, cumulative products of alphas, and every DDIM trajectory of the file. */
export async function checkSchedule(golden: ScheduleGoldenFile): Promise<Check[]> {
  const schedule = noiseSchedule()
  const abar = schedule.alphasCumprod
  const checks: Check[] = []
  const check = (what: string, actual: readonly number[], expected: readonly number[]) =>
    checks.push({
      what,
      relativeError: actual.length === expected.length ? relativeError(actual, expected) : Number.POSITIVE_INFINITY,
      tolerance: exact,
    })

  const betaTimesteps = [0, 1, schedule.steps / 2, schedule.steps - 1]
  check(
    'betas',
    betaTimesteps.map(t => 1 - abar[t]! / (abar[t - 1] ?? 1)),
    golden.betas_first_last,
  )
  const timesteps = Object.keys(golden.alphas_cumprod).map(Number)
  check(
    'alphas_cumprod',
    timesteps.map(t => abar[t]!),
    Object.values(golden.alphas_cumprod),
  )
  for (const [count, expected] of Object.entries(golden.ddim)) {
    const steps = ddimSteps(schedule, Number(count))
    const name = `ddim ${count}`
    check(
      `${name} timesteps`,
      steps.map(step => step.timestep),
      expected.timesteps,
    )
    check(
      `${name} alphas`,
      steps.map(step => step.alphaCumprod),
      expected.alphas,
    )
    check(
      `${name} alphas_prev`,
      steps.map(step => step.alphaCumprodPrev),
      expected.alphas_prev,
    )
    check(
      `${name} alphas_next`,
      steps.map(step => step.alphaCumprodNext),
      expected.alphas_next,
    )
    for (const [eta, sigmas] of Object.entries(expected.sigmas_by_eta))
      check(
        `${name} sigmas, eta ${eta}`,
        steps.map(step => ddimSigma(step, Number(eta))),
        sigmas,
      )
  }
  return checks
}
