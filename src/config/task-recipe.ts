/** Which recipe of the project suits a model. */

import { parse } from 'yaml'
import { fileExists } from '#paths'
import { loadModelConfig } from './model.ts'
import { loadRecipe, type Recipe, recipeFile } from './recipe.ts'

/**
 * The name of the recipe of a task for a model: its own, configs/MODEL/TASK.yaml, where it has one; that of faces-128 for models
 * whose latents are pictures; else configs/TASK.yaml, which is of a generator's latents and of the default model.
 * @param model a model of configs/models/, or the path of such a file; the default model by default
 * @throws UserError when there is no such model file
 */
export async function taskRecipe(task: Recipe['task'], model?: string): Promise<string> {
  if (model === undefined) return task
  const own = `${model}/${task}`
  if (await fileExists(recipeFile(own))) return own
  const { autoencoder } = await loadModelConfig(model)
  return autoencoder.kind === 'generator' ? task : `faces-128/${task}`
}

/** The model that dotted overrides name, as 'model=NAME'; undefined where they name none. */
export function modelNamed(overrides: readonly string[]): string | undefined {
  const named = overrides.findLast(override => override.startsWith('model='))
  return named === undefined ? undefined : String(parse(named.slice('model='.length)))
}

/** The recipe of a task for the model that the overrides name. @throws UserError as `loadRecipe` */
export async function loadTaskRecipe(task: Recipe['task'], overrides: readonly string[] = []): Promise<Recipe> {
  return loadRecipe(await taskRecipe(task, modelNamed(overrides)), overrides)
}
