/** Which methods an evaluation compares (configs/evaluate-NAME.yaml). */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { UserError } from '../util/errors.ts'
import { loadConfig } from '../yaml/load.ts'
import { loadRecipe, type Recipe } from './recipe.ts'
import { modelNamed, taskRecipe } from './task-recipe.ts'

const overrides = z.array(z.string()).default([]).describe('settings over the recipe of configs/: samples=2')
const name = z.string().optional().describe("its folder and its name in tables; the method's own by default")

const modelMethod = z.strictObject({
  method: z.enum(['anonymize', 'hide', 'recover']),
  name,
  recipe: z.string().optional().describe("a recipe of configs/ instead of the task's own: paper/anonymize"),
  versions: z
    .array(z.string())
    .min(1)
    .optional()
    .describe('only these of the versions that it makes: protected; all by default'),
  set: overrides,
})
const baselines = [
  z.strictObject({
    method: z.literal('blur'),
    deviation: z.number().positive().describe('pixels of the aligned face'),
  }),
  z.strictObject({ method: z.literal('pixelate'), block: z.int().min(2).describe('side of a square in pixels') }),
  z.strictObject({ method: z.literal('eye-bar') }),
  z.strictObject({ method: z.literal('mean-face') }),
  z.strictObject({ method: z.literal('noise'), deviation: z.number().positive().describe('grey levels of 255') }),
] as const

export const suiteSchema = z.strictObject({
  methods: z
    .array(z.discriminatedUnion('method', [modelMethod, ...baselines]))
    .min(1)
    .describe('in the order of the tables'),
})

type MethodEntry = z.output<typeof suiteSchema>['methods'][number]

/** A method and all that it depends on. */
export type MethodConfig =
  | (Pick<z.output<typeof modelMethod>, 'method' | 'name' | 'versions'> & { readonly recipe: Recipe })
  | z.output<(typeof baselines)[number]>

/**
 * The methods of a suite: `name` of configs/evaluate-NAME.yaml, or the path of such a file.
 * @param set settings over all recipes
 * @throws UserError when there is no such file, or it or a setting is not as it should be
 */
export async function loadSuite(name: string, set: readonly string[] = []): Promise<MethodConfig[]> {
  const own = fileURLToPath(new URL(`../../configs/evaluate-${name}.yaml`, import.meta.url))
  const suite = await loadConfig(suiteSchema, { path: existsSync(own) ? own : name })
  return Promise.all(suite.methods.map(entry => loadMethod(entry, set)))
}

/**
 * A method with its recipe.
 * @param set settings over the recipe
 * @throws UserError when there is no such recipe, or it is for another task, or a setting is not as it should be
 */
export async function loadMethod(entry: MethodEntry, set: readonly string[] = []): Promise<MethodConfig> {
  if (!('set' in entry)) return entry
  const { method, name, versions } = entry
  // A key is made alike for both tasks: recovery takes what anonymizing says of it.
  const overrides = [...entry.set, ...set]
  const usual = () => taskRecipe(method === 'recover' ? 'anonymize' : method, modelNamed(overrides))
  const recipe = await loadRecipe(entry.recipe ?? (await usual()), overrides)
  if (method !== 'recover' && recipe.task !== method)
    throw new UserError(`expected a recipe to ${method}, found ${entry.recipe} to ${recipe.task}: name another one`)
  return { method, ...(name !== undefined && { name }), ...(versions && { versions }), recipe }
}

/** The recipes of the methods that have one. */
export const recipesOf = (methods: readonly MethodConfig[]): Recipe[] =>
  methods.flatMap(method => ('recipe' in method ? [method.recipe] : []))
