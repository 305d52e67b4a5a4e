/** What a search is: a pure function from the trials so far to the next one, so that an interrupted sweep goes on alike. */
import type { SweepConfig } from '../../config/sweep.ts'
import { type Axes, grid, randomSettings, type Settings, sameSettings } from '../space.ts'
import { halving, rounds } from './halving.ts'
import { tpe } from './tpe.ts'
import type { Search, Trial } from './trial.ts'

/** The search of a sweep. */
export function searchOf({ axes, search, faces: { count } }: Pick<SweepConfig, 'axes' | 'search' | 'faces'>): Search {
  const { seed } = search
  switch (search.kind) {
    case 'grid': {
      const all = grid(axes, seed)
      return trials => {
        const settings = all.find(candidate => !isTried(trials, candidate))
        return settings ? { settings, count } : 'done'
      }
    }
    case 'random':
      return trials => {
        if (trials.length >= search.points) return 'done'
        const settings = untried(trials, attempt => randomSettings(axes, seed, 'random', trials.length, attempt))
        return settings ? { settings, count } : 'done'
      }
    case 'halving':
      return halving({ ...search, most: count, draw: drawing(axes, seed) })
    case 'tpe':
      return trials => {
        if (trials.length >= search.points) return 'done'
        const settings = untried(trials, attempt => tpe(axes, trials, { ...search, attempt }))
        return settings ? { settings, count } : 'done'
      }
  }
}

/** On how many faces its points are measured: on each of these. */
export function faceCounts({ search, faces: { count } }: Pick<SweepConfig, 'search' | 'faces'>): number[] {
  return search.kind === 'halving' ? rounds({ ...search, most: count }) : [count]
}

/** How many points a sweep will have at most. */
export function mostPoints({ axes, search, faces }: Pick<SweepConfig, 'axes' | 'search' | 'faces'>): number {
  if (search.kind === 'grid') return grid(axes, search.seed).length
  if (search.kind !== 'halving') return search.points
  const survivors = (entrants: number) => Math.max(1, Math.floor(entrants / search.keep))
  const entrants = faceCounts({ search, faces }).map((_, round) =>
    Array.from({ length: round }).reduce<number>(survivors, search.points),
  )
  return entrants.reduce((sum, n) => sum + n, 0)
}

/** Different settings drawn at random, as many as there are up to `points`. */
function drawing(axes: Axes, seed: number) {
  return (points: number): Settings[] => {
    const drawn: Settings[] = []
    while (drawn.length < points) {
      const settings = untried(
        drawn.map(settings => ({ settings })),
        attempt => randomSettings(axes, seed, 'halving', drawn.length, attempt),
      )
      if (!settings) break
      drawn.push(settings)
    }
    return drawn
  }
}

function isTried(trials: readonly Pick<Trial, 'settings'>[], settings: Settings): boolean {
  return trials.some(trial => sameSettings(trial.settings, settings))
}

/** The first draw that was not tried yet; none when a hundred were, as on a small grid of choices. */
function untried(
  trials: readonly Pick<Trial, 'settings'>[],
  draw: (attempt: number) => Settings,
): Settings | undefined {
  for (let attempt = 0; attempt < 100; attempt++) {
    const settings = draw(attempt)
    if (!isTried(trials, settings)) return settings
  }
  return undefined
}
