/** The space that a sweep's axes span: their values, and what a choice on each of them changes in the recipe. */

import { type Recipe, recipeSchema } from '../config/recipe.ts'
import type { AxisConfig, SweepConfig } from '../config/sweep.ts'
import { UserError } from '../util/errors.ts'
import { RandomStream } from '../util/random.ts'
import { loadConfig } from '../yaml/load.ts'

export type Value = string | number | boolean

/** A choice on every axis by its name: a value, or the name of a variant. */
export type Settings = Readonly<Record<string, Value>>

export type Axes = SweepConfig['axes']

/** What can be chosen on an axis that is no range; undefined for a range. */
export function choices({ values, variants }: AxisConfig): Value[] | undefined {
  return values ?? (variants && Object.keys(variants))
}

/** The value at `u` in [0, 1] of an axis: along a range, or which of its choices. */
export function valueAt(axis: AxisConfig, u: number): Value {
  const listed = choices(axis)
  if (listed) return listed[Math.min(Math.floor(u * listed.length), listed.length - 1)]!
  const [from, to] = [axis.from!, axis.to!]
  const value = axis.scale === 'log' ? from * (to / from) ** u : from + (to - from) * u
  // Four digits are as many as a person copies; the ends stay what they were written as.
  if (axis.integer) return Math.round(value)
  return u === 0 ? from : u === 1 ? to : Number(value.toPrecision(4))
}

/** Where in [0, 1] a value of a range lies: the inverse of `valueAt`, but for rounding. */
export function positionOf(axis: AxisConfig, value: number): number {
  const [from, to] = [axis.from!, axis.to!]
  const u = axis.scale === 'log' ? Math.log(value / from) / Math.log(to / from) : (value - from) / (to - from)
  return Math.min(1, Math.max(0, u))
}

/** The values of an axis that a grid takes, in order; no two are the same. */
export function levels(name: string, axis: AxisConfig, seed: number): Value[] {
  const listed = choices(axis)
  if (listed) return listed
  const places = Array.from({ length: axis.points! }, (_, i) =>
    axis.draw === 'random' ? new RandomStream(seed, 'axis', name, i).uniform() : i / (axis.points! - 1),
  )
  return [...new Set(places.sort((a, b) => a - b).map(u => valueAt(axis, u)))]
}

/** Every combination of the axes' levels; the last axis changes fastest. */
export function grid(axes: Axes, seed: number): Settings[] {
  return Object.entries(axes).reduce<Settings[]>(
    (settings, [name, axis]) =>
      settings.flatMap(chosen => levels(name, axis, seed).map(value => ({ ...chosen, [name]: value }))),
    [{}],
  )
}

/** A choice on every axis, uniform along it, from the stream of the seed and `key`. */
export function randomSettings(axes: Axes, seed: number, ...key: (string | number)[]): Settings {
  const choose = ([name, axis]: [string, AxisConfig]) =>
    [name, valueAt(axis, new RandomStream(seed, ...key, name).uniform())] as const
  return Object.fromEntries(Object.entries(axes).map(choose))
}

/** Whether two choices are the same on every axis. */
export function sameSettings(a: Settings, b: Settings): boolean {
  const names = Object.keys(a)
  return names.length === Object.keys(b).length && names.every(name => a[name] === b[name])
}

/** What settings change in the recipe: dotted keys and their values. */
export function changesOf(axes: Axes, settings: Settings): Record<string, unknown> {
  return Object.assign(
    {},
    ...Object.entries(settings).map(([name, value]) => {
      const { variants, keys = [name] } = axes[name]!
      return variants ? variants[String(value)] : Object.fromEntries(keys.map(key => [key, value]))
    }),
  )
}

/**
 * The recipe of a point.
 * @throws UserError that names the axis and the key when the recipe does not take the value, or does not know the key
 */
export async function recipeOf(
  { recipe, set, axes, task }: Pick<SweepConfig, 'recipe' | 'set' | 'axes' | 'task'>,
  settings: Settings,
): Promise<Recipe> {
  const changes = { ...set, ...changesOf(axes, settings) }
  const overrides = Object.entries(changes).map(([key, value]) => `${key}=${JSON.stringify(value)}`)
  const resolved = await loadConfig(recipeSchema, { path: recipe, overrides })
  if (resolved.task !== task)
    throw new UserError(`${recipe}: expected a recipe of task ${task}, found ${resolved.task}: name another 'recipe'`)
  return resolved
}

/**
 * Checks every axis against the recipe, before hours go into the points: each of its choices, or both ends of its range.
 * @returns the recipes that were checked: the first choice on all axes but one
 * @throws UserError as `recipeOf`
 */
export async function checkAxes(config: SweepConfig): Promise<Recipe[]> {
  const first = Object.fromEntries(Object.entries(config.axes).map(([name, axis]) => [name, valueAt(axis, 0)]))
  await recipeOf({ ...config, axes: {} }, {})
  const recipes: Recipe[] = []
  for (const [name, axis] of Object.entries(config.axes)) {
    for (const value of choices(axis) ?? [valueAt(axis, 0), valueAt(axis, 1)]) {
      const recipe = await recipeOf(config, { ...first, [name]: value }).catch(error => {
        throw error instanceof UserError ? new UserError(`axis '${name}': ${error.message}`) : error
      })
      recipes.push(recipe)
    }
  }
  return recipes
}
