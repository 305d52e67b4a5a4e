import { expect, test } from 'vitest'
import type { Proposal, Trial } from '../../../src/sweep/search.ts'
import { mostPoints, parzen, rounds, searchOf } from '../../../src/sweep/search.ts'
import type { Axes, Settings } from '../../../src/sweep/space.ts'
import { RandomStream } from '../../../src/util/random.ts'
import { axis } from '../axes.ts'

const faces = { from: '', count: 27, seed: 0 }
type Kind = Parameters<typeof searchOf>[0]['search']

/** Runs a search one trial after another. */
function drive(axes: Axes, search: Kind, measure: (settings: Settings, count: number) => number | undefined): Trial[] {
  const propose = searchOf({ axes, search, faces })
  const trials: Trial[] = []
  for (;;) {
    const next = propose(trials)
    if (next === 'done') return trials
    if (next === 'wait') throw new Error('waits, though nothing runs')
    const value = measure(next.settings, next.count)
    trials.push({ ...next, ...(value === undefined ? { state: 'failed' } : { state: 'done', value }) })
  }
}

const plane = { x: axis({ from: -5, to: 10 }), y: axis({ from: 0, to: 15 }) }

/** Branin and Hoo's function; its minimum is 0.397887 (Dixon and Szego, Towards Global Optimisation 2, 1978). */
function branin({ x, y }: Settings): number {
  const [a, b] = [Number(x), Number(y)]
  return (
    (b - (5.1 / (4 * Math.PI ** 2)) * a ** 2 + (5 / Math.PI) * a - 6) ** 2 +
    10 * (1 - 1 / (8 * Math.PI)) * Math.cos(a) +
    10
  )
}

const lowest = (trials: readonly Trial[]) => Math.min(...trials.map(({ value = Number.POSITIVE_INFINITY }) => value))
const median = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!

test('a grid proposes every combination once, and then only what a longer axis adds', () => {
  const axes = { a: axis([1, 2]), b: axis(['p', 'q']) }
  const trials = drive(axes, { kind: 'grid', seed: 0 }, () => 0)
  expect(trials.map(({ settings: { a, b } }) => `${a}${b}`)).toEqual(['1p', '1q', '2p', '2q'])
  const longer = searchOf({ axes: { ...axes, a: axis([1, 3, 2]) }, search: { kind: 'grid', seed: 0 }, faces })
  expect(longer(trials)).toEqual({ settings: { a: 3, b: 'p' }, count: 27 })
})

test('random points depend on the seed alone, are all different, and end when there are no more', () => {
  const run = (seed: number) => drive(plane, { kind: 'random', points: 5, seed }, () => 0)
  expect(run(1)).toEqual(run(1))
  expect(run(1)).not.toEqual(run(2))
  const few = drive({ a: axis([1, 2, 3]) }, { kind: 'random', points: 50, seed: 0 }, () => 0)
  expect(few.map(({ settings }) => settings.a).toSorted()).toEqual([1, 2, 3])
})

test('halving keeps one in three with three times the faces, and leaves failed points behind', () => {
  const measured: [number, number][] = []
  const trials = drive(
    { a: axis(Array.from({ length: 9 }, (_, i) => i)) },
    { kind: 'halving', points: 9, keep: 3, least: 3, seed: 0 },
    ({ a }, count) => {
      measured.push([count, Number(a)])
      return a === 0 ? undefined : Number(a)
    },
  )
  const at = (count: number) => measured.filter(([c]) => c === count).map(([, a]) => a)
  expect(at(3).toSorted()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8])
  expect(at(9)).toEqual([1, 2, 3])
  expect(at(27)).toEqual([1])
  expect(trials).toHaveLength(13)
  expect(mostPoints({ axes: {}, search: { kind: 'halving', points: 9, keep: 3, least: 3, seed: 0 }, faces })).toBe(13)
  expect(rounds({ least: 4, keep: 2, most: 10 })).toEqual([4, 8, 10])
  expect(rounds({ least: 10, keep: 2, most: 10 })).toEqual([10])
})

test('halving hands out a round side by side and waits for its end', () => {
  const search = searchOf({ axes: plane, search: { kind: 'halving', points: 4, keep: 2, least: 1, seed: 0 }, faces })
  const running: Trial[] = []
  for (let i = 0; i < 4; i++) running.push({ ...(search(running) as Proposal), state: 'running' })
  expect(running.map(({ count }) => count)).toEqual([1, 1, 1, 1])
  expect(search(running)).toBe('wait')
  const finished = running.map((trial, i): Trial => ({ ...trial, state: 'done', value: -i }))
  expect(search(finished)).toEqual({ settings: running[3]!.settings, count: 2 })
})

test('TPE comes nearer to the minimum of Branin than random search with as many trials', () => {
  const seeds = [1, 2, 3, 4, 5, 6, 7, 8, 9]
  const after = (kind: 'tpe' | 'random') =>
    median(
      seeds.map(seed =>
        lowest(
          drive(plane, kind === 'tpe' ? { kind, points: 60, startup: 10, seed } : { kind, points: 60, seed }, branin),
        ),
      ),
    )
  const [found, chance] = [after('tpe'), after('random')]
  expect(found).toBeLessThan(chance)
  expect(found - 0.397887).toBeLessThan(0.6)
})

test('TPE finds the right choice among categories and on a log range, failed trials notwithstanding', () => {
  const axes = { kind: axis(['a', 'b', 'c', 'd']), rate: axis({ from: 1e-4, to: 1, scale: 'log' }) }
  const trials = drive(axes, { kind: 'tpe', points: 60, startup: 10, seed: 3 }, ({ kind, rate }) =>
    kind === 'b' ? undefined : (kind === 'c' ? 0 : 2) + Math.abs(Math.log10(Number(rate)) + 2),
  )
  const best = trials.filter(({ value }) => value !== undefined).toSorted((a, b) => a.value! - b.value!)[0]!
  expect(best.settings.kind).toBe('c')
  expect(best.value).toBeLessThan(0.3)
  const late = trials.slice(30).filter(({ settings }) => settings.kind === 'c')
  expect(late.length).toBeGreaterThan(15)
})

test('a Parzen density is one: it integrates to 1, and its draws follow it', () => {
  const density = parzen([0.05, 0.3, 0.31, 0.9])
  const n = 2000
  const sum = Array.from({ length: n }, (_, i) => density.at((i + 0.5) / n)).reduce((a, b) => a + b, 0)
  expect(sum / n).toBeCloseTo(1, 4)
  const random = new RandomStream(1, 'draws')
  const draws = Array.from({ length: 20_000 }, () => density.draw(random))
  const below = (x: number) =>
    Array.from({ length: n }, (_, i) => density.at((x * (i + 0.5)) / n)).reduce((a, b) => a + b, 0) * (x / n)
  for (const x of [0.1, 0.4, 0.8])
    expect(Math.abs(draws.filter(draw => draw < x).length / draws.length - below(x))).toBeLessThan(0.01)
})
