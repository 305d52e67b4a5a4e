/**
 * Successive halving (Jamieson and Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter Optimization",
 * AISTATS 2016): many points on few faces, then the best of them on more, until the last few have all.
 */
import { type Settings, sameSettings } from '../space.ts'
import type { Next, Search, Trial } from './trial.ts'

export interface HalvingOptions {
  /** Points of the first round. */
  readonly points: number
  /** One in `keep` goes on, with `keep` times the faces. */
  readonly keep: number
  /** Faces of the first round, and of the last. */
  readonly least: number
  readonly most: number
  /** So many different settings, or all there are; the same at each call. */
  readonly draw: (points: number) => Settings[]
}

/** Faces of each round: least, least * keep, ... and at last `most`. */
export function rounds({ keep, least, most }: Pick<HalvingOptions, 'keep' | 'least' | 'most'>): number[] {
  const counts: number[] = []
  for (let count = least; count < most; count *= keep) counts.push(Math.round(count))
  return [...new Set([...counts.filter(count => count < most), most])]
}

/** A round begins when the one before is finished; failed points do not go on. */
export function halving(options: HalvingOptions): Search {
  const first = options.draw(options.points)
  return trials => {
    let entrants: readonly Settings[] = first
    for (const count of rounds(options)) {
      const round = entrants.map(settings => ({ settings, trial: find(trials, settings, count) }))
      const missing = round.find(({ trial }) => !trial)
      if (missing) return { settings: missing.settings, count } satisfies Next
      if (round.some(({ trial }) => trial!.state === 'running')) return 'wait'
      const finished = round.filter(({ trial }) => trial!.state === 'done')
      const survivors = Math.max(1, Math.floor(round.length / options.keep))
      // Sorting keeps the order of equals, so that the same trials always send the same ones on.
      entrants = finished
        .toSorted((a, b) => a.trial!.value! - b.trial!.value!)
        .slice(0, survivors)
        .map(({ settings }) => settings)
    }
    return 'done'
  }
}

function find(trials: readonly Trial[], settings: Settings, count: number): Trial | undefined {
  return trials.find(trial => trial.count === count && sameSettings(trial.settings, settings))
}
