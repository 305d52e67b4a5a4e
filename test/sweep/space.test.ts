import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { loadSweep } from '../../src/config/sweep.ts'
import { changesOf, checkAxes, grid, levels, positionOf, recipeOf, valueAt } from '../../src/sweep/space.ts'
import { axis } from './axes.ts'

const folder = mkdtempSync(join(tmpdir(), 'sweep-space-'))
afterAll(() => rmSync(folder, { recursive: true }))

const base = {
  title: 'a test',
  task: 'anonymize',
  faces: { from: 'faces', count: 2 },
  privacy: { lower: 'a' },
  utility: { higher: 'b' },
}

function written(more: object) {
  const path = join(folder, 'sweep.yaml')
  writeFileSync(path, stringify({ ...base, ...more }))
  return path
}

test('ranges are even on their scale, ends included, with four digits; integers are whole and not repeated', () => {
  expect(levels('a', axis({ from: 0.5, to: 32, points: 4, scale: 'log' }), 0)).toEqual([0.5, 2, 8, 32])
  expect(levels('a', axis({ from: 0, to: 1, points: 4 }), 0)).toEqual([0, 0.3333, 0.6667, 1])
  expect(levels('a', axis({ from: 1, to: 3, points: 9, integer: true }), 0)).toEqual([1, 2, 3])
  const drawn = levels('a', axis({ from: 0, to: 1, points: 5, draw: 'random' }), 7) as number[]
  expect(drawn).toHaveLength(5)
  expect(drawn).toEqual(drawn.toSorted((a, b) => a - b))
  expect(levels('a', axis({ from: 0, to: 1, points: 5, draw: 'random' }), 8)).not.toEqual(drawn)
})

test('a place on a range and its value belong together', () => {
  for (const range of [axis({ from: -3, to: 5 }), axis({ from: 1e-3, to: 10, scale: 'log' })])
    for (const u of [0, 0.25, 0.8, 1]) expect(positionOf(range, Number(valueAt(range, u)))).toBeCloseTo(u, 3)
})

test('an axis moves one key, several keys alike, or a named set of keys', async () => {
  const axes = {
    threshold: axis([400, 600]),
    lambda: axis({ values: [2], keys: ['guidance.above', 'guidance.below'] }),
    mask: axis({ variants: { off: { 'keep.below': 0 }, all: { 'keep.below': 1000, seed: 3 } } }),
  }
  expect(grid(axes, 0)).toHaveLength(4)
  const settings = { threshold: 600, lambda: 2, mask: 'all' }
  expect(grid(axes, 0)).toContainEqual(settings)
  expect(changesOf(axes, settings)).toEqual({
    threshold: 600,
    'guidance.above': 2,
    'guidance.below': 2,
    'keep.below': 1000,
    seed: 3,
  })
  const config = await loadSweep(written({ set: { steps: 4 } }).toString()).catch(error => error)
  expect(config.message).toMatch(/'axes' is missing/)
  const sweep = { ...(await loadSweep(written({ set: { steps: 4 }, axes: { threshold: [400] } }))), axes }
  expect(await recipeOf(sweep, settings)).toMatchObject({
    task: 'anonymize',
    steps: 4,
    threshold: 600,
    guidance: { above: 2, below: 2 },
    keep: { below: 1000 },
    seed: 3,
  })
})

test('the recipe of a sweep is found beside its file', async () => {
  writeFileSync(join(folder, 'own.yaml'), stringify({ task: 'hide' }))
  const sweep = await loadSweep(written({ recipe: 'own.yaml', axes: {} }))
  expect(sweep.recipe).toBe(join(folder, 'own.yaml'))
})

test('mistakes in a sweep are named before anything runs', async () => {
  const refusal = async (more: object) => {
    const loaded = await loadSweep(written(more)).catch((error: Error) => error)
    return loaded instanceof Error ? loaded.message : ((await checkAxes(loaded).catch(error => error)) as Error).message
  }
  expect(await refusal({ axes: { 'guidance.abov': [1] } })).toMatch(
    /axis 'guidance.abov': .*'guidance.abov' is not a known key \(nearest: 'above'/,
  )
  expect(await refusal({ axes: { strength: { from: 0.5, to: 1.5, points: 3 } } })).toMatch(
    /axis 'strength': .*'strength': .*<=1, found 1.5/,
  )
  expect(await refusal({ axes: { a: { variants: { on: { 'energies.diversty': 1 } } } } })).toMatch(
    /nearest: 'diversity'/,
  )
  expect(await refusal({ axes: { steps: { from: 2, to: 8 } } })).toMatch(/expected points, which a grid needs/)
  expect(await refusal({ axes: { steps: { from: 8, to: 2, points: 2 } } })).toMatch(/expected from < to, found 8 and 2/)
  expect(await refusal({ axes: { steps: { values: [2], from: 1, to: 2 } } })).toMatch(/either values, or variants/)
  expect(await refusal({ axes: {}, search: { kind: 'tpe', points: 3 } })).toMatch(/'objective'.*expected weights/)
  expect(
    await refusal({
      axes: {},
      task: 'hide',
      recipe: join(import.meta.dirname, '../../configs/faces-128/anonymize.yaml'),
    }),
  ).toMatch(/expected a recipe of task hide, found anonymize/)
})
