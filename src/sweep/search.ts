/** What a search is given and what it proposes. */

import type { AxisConfig, SweepConfig } from '../config/sweep.ts'
import { RandomStream } from '../util/random.ts'
import {
  type Axes,
  choices,
  grid,
  positionOf,
  randomSettings,
  type Settings,
  sameSettings,
  type Value,
  valueAt,
} from './space.ts'

export interface Trial {
  readonly settings: Settings
  /** Faces it is measured on. */
  readonly count: number
  readonly state: 'running' | 'done' | 'failed'
  /** The objective of one that is done: lower is better. */
  readonly value?: number
}

export type Proposal = Pick<Trial, 'settings' | 'count'>

/** `wait` when the next trial depends on one that is running, `done` when there is none. */
export type Next = Proposal | 'wait' | 'done'

/** @param trials all so far, in the order in which they were proposed */
export type Search = (trials: readonly Trial[]) => Next

// Successive halving (Jamieson and Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter Optimization",
// AISTATS 2016): many points on few faces, then the best of them on more, until the last few have all.

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

// The tree-structured Parzen estimator (Bergstra, Bardenet, Bengio and Kegl, "Algorithms for Hyper-Parameter
// Optimization", NIPS 2011, section 4): where the good trials are dense and the others are not, one axis at a time.

/** The share of trials that counts as good: the paper's gamma. */
const gamma = 0.15

/** Draws from the density of good trials, of which the most promising is taken. */
const candidates = 24

export interface TpeOptions {
  readonly seed: number
  /** Trials drawn at random before it learns. */
  readonly startup: number
  /** Another one gives other settings for the same trials. */
  readonly attempt: number
}

/** The next settings to try. Trials that run count as not good, so that workers side by side keep apart. */
export function tpe(axes: Axes, trials: readonly Trial[], { seed, startup, attempt }: TpeOptions): Settings {
  const key = ['tpe', trials.length, attempt] as const
  const done = trials.filter(({ state }) => state === 'done').toSorted((a, b) => a.value! - b.value!)
  if (done.length < startup) return randomSettings(axes, seed, ...key)
  const good = done.slice(0, Math.ceil(gamma * done.length))
  const others = trials.filter(trial => !good.includes(trial))
  const choose = ([name, axis]: [string, AxisConfig]) => {
    const of = (some: readonly Trial[]) => some.map(({ settings }) => settings[name]!)
    return [name, promising(axis, of(good), of(others), new RandomStream(seed, ...key, name))] as const
  }
  return Object.fromEntries(Object.entries(axes).map(choose))
}

/** A density over an axis that can be drawn from. */
interface Density<T> {
  draw(random: RandomStream): T
  at(value: T): number
}

function promising(axis: AxisConfig, good: Value[], others: Value[], random: RandomStream): Value {
  const listed = choices(axis)
  if (listed) return best(categories(listed, good), categories(listed, others), random)
  const places = (values: Value[]) => parzen(values.map(value => positionOf(axis, Number(value))))
  return valueAt(axis, best(places(good), places(others), random))
}

/** Of some draws from l(x) the one with the largest l(x) / g(x): in expectation the largest improvement (the paper's eq. 3). */
function best<T>(l: Density<T>, g: Density<T>, random: RandomStream): T {
  const drawn = Array.from({ length: candidates }, () => l.draw(random))
  const ratio = (value: T) => l.at(value) / g.at(value)
  return drawn.reduce((a, b) => (ratio(b) > ratio(a) ? b : a))
}

/** Shares of the choices, each counted once more than it was seen. */
function categories(listed: readonly Value[], seen: readonly Value[]): Density<Value> {
  const share = (value: Value) => (seen.filter(v => v === value).length + 1) / (seen.length + listed.length)
  return {
    at: share,
    draw: random => {
      let left = random.uniform()
      for (const value of listed) {
        left -= share(value)
        if (left <= 0) return value
      }
      return listed.at(-1)!
    },
  }
}

/**
 * A mixture of normal densities cut off to [0, 1], one at each place, and one uniform. Each is as wide as the farther
 * of its neighbours is away (the ends of the interval count), but not narrower than 1 / (n + 1).
 */
export function parzen(places: readonly number[]): Density<number> {
  const sorted = places.toSorted((a, b) => a - b)
  const kernels = sorted.map((mean, i) => {
    const reach = Math.max(mean - (sorted[i - 1] ?? 0), (sorted[i + 1] ?? 1) - mean)
    const width = Math.min(1, Math.max(reach, 1 / (sorted.length + 1)))
    return { mean, width, mass: cumulative((1 - mean) / width) - cumulative(-mean / width) }
  })
  const weight = 1 / (kernels.length + 1)
  return {
    at: x =>
      kernels.reduce(
        (sum, { mean, width, mass }) =>
          sum + (weight * Math.exp(-0.5 * ((x - mean) / width) ** 2)) / (Math.sqrt(2 * Math.PI) * width * mass),
        weight,
      ),
    draw: random => {
      const kernel = kernels[random.integer(kernels.length + 1)]
      if (!kernel) return random.uniform()
      for (;;) {
        const x = kernel.mean + kernel.width * random.normals(1)[0]!
        if (x >= 0 && x <= 1) return x
      }
    },
  }
}

/** The normal distribution function (Abramowitz and Stegun 7.1.26; right to 1.5e-7). */
function cumulative(x: number): number {
  const z = Math.abs(x) / Math.SQRT2
  const t = 1 / (1 + 0.3275911 * z)
  const series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
  const erf = 1 - series * Math.exp(-z * z)
  return x < 0 ? (1 - erf) / 2 : (1 + erf) / 2
}

// What a search is: a pure function from the trials so far to the next one, so that an interrupted sweep goes on alike.

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
