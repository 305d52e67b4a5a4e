/** Photos protected by a pool are those protected here: through JSON, as through a queue. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { loadRecipe, type Recipe } from '../../src/config/recipe.ts'
import { UserError } from '../../src/errors.ts'
import { handlers } from '../../src/jobs/handlers.ts'
import { JobError, type Pool } from '../../src/jobs/job.ts'
import { keyPath } from '../../src/protect/files.ts'
import { readKeys } from '../../src/protect/key.ts'
import { localProtector, pooledProtector } from '../../src/protect/protector.ts'
import { portrait } from './photos.ts'
import { type TinyModel, tinyModel } from './tiny-model.ts'

const folder = mkdtempSync(join(tmpdir(), 'protector-'))
const photo = join(folder, 'ada.png')
let model: TinyModel
let recipe: Recipe

/** Does the work here, and lets nothing through but JSON. */
const pool: Pool = {
  slots: 1,
  async run({ kind, input }) {
    const work = handlers[kind] as (input: unknown, context: object) => Promise<unknown>
    const context = { scratch: folder, here: { backend: 'wasm' }, onProgress: () => {} }
    const result = await work(JSON.parse(JSON.stringify(input)), context).catch((error: Error) => {
      throw new JobError(error.message)
    })
    return JSON.parse(JSON.stringify(result))
  },
  close: async () => {},
}

beforeAll(async () => {
  await useBackend('wasm')
  model = await tinyModel()
  await portrait(0).png().toFile(photo)
  const few = [
    'steps=2',
    'attempts=1',
    'recovery.steps=2',
    'recovery.refinements=0',
    'samples=2',
    `model=${model.path}`,
  ]
  recipe = await loadRecipe('anonymize', [...few, 'backend=wasm'])
})
afterAll(() => {
  rmSync(folder, { recursive: true })
  rmSync(model.folder, { recursive: true })
})

const outputs = (where: string) => [1, 2].map(i => join(folder, where, `ada-${i}.png`))

test('a pool gives the same pictures and keys as this process, and says what it was done with', async () => {
  const here = await (await localProtector(recipe))(photo, outputs('here'))
  const there = await pooledProtector(pool, recipe)(photo, outputs('there'))
  expect(there).toEqual(here)
  expect(there.faces).toBe(1)
  for (const [i, output] of outputs('there').entries()) {
    expect(readFileSync(output)).toEqual(readFileSync(outputs('here')[i]!))
    expect(readFileSync(keyPath(output))).toEqual(readFileSync(keyPath(outputs('here')[i]!)))
  }
})

test('the passphrase stays here: keys are encrypted where they are written', async () => {
  const asked: unknown[] = []
  const listening: Pool = {
    ...pool,
    run: job => {
      asked.push(job)
      return pool.run(job)
    },
  }
  await pooledProtector(listening, recipe, 'open sesame')(photo, outputs('locked'))
  expect(JSON.stringify(asked)).not.toContain('sesame')
  const key = keyPath(outputs('locked')[0]!)
  await expect(readKeys(key)).rejects.toThrow(/passphrase/)
  expect(await readKeys(key, 'open sesame')).toHaveLength(1)
})

test('what a worker refuses is told with the name of the photo', async () => {
  const empty = join(folder, 'empty.png')
  writeFileSync(empty, 'no picture')
  const refused = pooledProtector(pool, recipe)(empty, outputs('none'))
  await expect(refused).rejects.toThrow(UserError)
  await expect(refused).rejects.toThrow(new RegExp(`^${empty}: `))
})
