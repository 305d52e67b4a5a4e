/**
 * The tree-structured Parzen estimator (Bergstra, Bardenet, Bengio and Kegl, "Algorithms for Hyper-Parameter
 * Optimization", NIPS 2011, section 4): where the good trials are dense and the others are not, one axis at a time.
 */
import type { AxisConfig } from '../../config/sweep.ts'
import { RandomStream } from '../../util/random.ts'
import { type Axes, choices, positionOf, randomSettings, type Settings, type Value, valueAt } from '../space.ts'
import type { Trial } from './trial.ts'

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
