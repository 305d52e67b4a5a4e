import { availableParallelism } from 'node:os'
import { expect, test } from 'vitest'
import { loadRecipe } from '../../src/config/recipe.ts'
import { processesFor, processesToProtect } from '../../src/plan/photos.ts'

const cores = availableParallelism()

test('what is asked for, within the cores; else what cores and memory allow', () => {
  expect(processesFor({ pieces: 100 }, 'wasm', 1)).toBe(1)
  expect(processesFor({ pieces: 100 }, 'wasm')).toBe(cores)
  expect(processesFor({ pieces: 100, bytes: Number.MAX_SAFE_INTEGER }, 'wasm')).toBe(1)
  expect(() => processesFor({ pieces: 100 }, 'wasm', cores + 1)).toThrow(/expected --jobs of 1 to \d+/)
})

test('faces are protected in no more processes than there are pieces of work, or than were asked for', async () => {
  const recipe = await loadRecipe('faces-128/anonymize')
  expect(await processesToProtect(recipe, 'tensorflow', 1)).toBe(1)
  expect(await processesToProtect(recipe, 'wasm', 1, 1)).toBe(1)
  await expect(processesToProtect(recipe, 'wasm', 1, cores + 1)).rejects.toThrow(/expected --jobs of 1 to \d+/)
})
