import { rmSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { loadTaskRecipe, modelNamed, taskRecipe } from '../../src/config/task-recipe.ts'
import { UserError } from '../../src/util/errors.ts'
import { type TinyModel, tinyModel } from '../pipeline/tiny-model.ts'

let tiny: TinyModel
beforeAll(async () => {
  await useBackend('cpu')
  tiny = await tinyModel()
})
afterAll(() => rmSync(tiny.folder, { recursive: true }))

test('a model has its own recipes, those of faces-128 where its latents are pictures, or the usual ones', async () => {
  expect(await taskRecipe('anonymize')).toBe('anonymize')
  expect(await taskRecipe('hide', 'faces-1024')).toBe('hide')
  expect(await taskRecipe('hide', 'faces-128')).toBe('faces-128/hide')
  expect(await taskRecipe('anonymize', tiny.path)).toBe('faces-128/anonymize')
  await expect(taskRecipe('anonymize', 'none')).rejects.toThrow(UserError)
})

test('overrides name the model, the last of them', async () => {
  expect(modelNamed(['steps=3'])).toBeUndefined()
  expect(modelNamed(['model=a', 'steps=3', 'model="b c"'])).toBe('b c')
  expect(await loadTaskRecipe('anonymize')).toMatchObject({ model: 'faces-1024', candidates: 12 })
  expect(await loadTaskRecipe('anonymize', [`model=${tiny.path}`])).toMatchObject({ model: tiny.path, steps: 16 })
})
