/** Photos protected elsewhere are those protected here: through JSON, as through a queue, and by processes. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { loadRecipe, type Recipe } from '../../src/config/recipe.ts'
import { deserializeError, JobError, type Jobs, type Run, serializeError, withMap } from '../../src/jobs/jobs.ts'
import { fromJson, toJson } from '../../src/jobs/queue.ts'
import type { Task } from '../../src/jobs/task.ts'
import { readKey, readKeys } from '../../src/keys/files.ts'
import { keyPath } from '../../src/pipeline/files.ts'
import { NoFaceError } from '../../src/pipeline/photo-report.ts'
import { localProtector, parallelProtector, queueProtector } from '../../src/pipeline/protector.ts'
import { faceProcesses } from '../../src/pipeline/tasks.ts'
import { UserError } from '../../src/util/errors.ts'
import { couple, grey, portrait } from './photos.ts'
import { type TinyModel, tinyModel } from './tiny-model.ts'

const folder = mkdtempSync(join(tmpdir(), 'protector-'))
const photo = join(folder, 'ada.png')
let model: TinyModel
let recipe: Recipe

/** Does the work here, and lets nothing through but JSON. */
const throughJson = (value: unknown) => fromJson(JSON.parse(JSON.stringify(toJson(value))))
const run = async (task: Task<unknown, unknown>, input: unknown) => {
  const context = { scratch: folder, environment: { backend: 'wasm' }, onProgress: () => {} }
  const result = await task.run(throughJson(input), context).catch((error: Error) => {
    throw deserializeError(serializeError(error))
  })
  return throughJson(result)
}
const pool = withMap({ slots: 1, run: run as Run, close: async () => {} })

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
  recipe = await loadRecipe('faces-128/anonymize', [...few, 'backend=wasm', 'seed=0'])
})
afterAll(() => {
  rmSync(folder, { recursive: true })
  rmSync(model.folder, { recursive: true })
})

const safeguards = { fallback: 'blur', check: true } as const

const outputs = (where: string) => [1, 2].map(i => join(folder, where, `ada-${i}.png`))

test('a queue gives the same pictures and keys as this process, and says what it was done with', async () => {
  const here = await (await localProtector(recipe, { safeguards }))(photo, outputs('here'))
  const there = await queueProtector(pool, recipe, { safeguards })(photo, outputs('there'))
  expect(here.report).toMatchObject({ checkedBy: 'mobilefacenet', faces: [{ checks: [{}, {}] }] })
  expect(Object.keys(here.weights)).toContain('mobilefacenet')
  expect(there).toEqual(here)
  expect(there.faces).toBe(1)
  for (const [i, output] of outputs('there').entries()) {
    expect(readFileSync(output)).toEqual(readFileSync(outputs('here')[i]!))
    expect(readFileSync(keyPath(output))).toEqual(readFileSync(keyPath(outputs('here')[i]!)))
  }
})

test('the passphrase stays here: keys are encrypted where they are written', async () => {
  const asked: unknown[] = []
  const listening: Jobs = {
    ...pool,
    run: (task, input, options) => {
      asked.push([task, toJson(input), options])
      return pool.run(task, input, options)
    },
  }
  await queueProtector(listening, recipe, { keys: { encryption: { passphrase: 'open sesame', workFactor: 10 } } })(
    photo,
    outputs('locked'),
  )
  expect(JSON.stringify(asked)).not.toContain('sesame')
  const key = keyPath(outputs('locked')[0]!)
  await expect(readKeys(key)).rejects.toThrow(/passphrase/)
  expect(await readKeys(key, { passphrase: 'open sesame' })).toHaveLength(1)
})

test('what a worker refuses is told with the name of the photo', async () => {
  const empty = join(folder, 'empty.png')
  writeFileSync(empty, 'no picture')
  const refused = queueProtector(pool, recipe)(empty, outputs('none'))
  await expect(refused).rejects.toThrow(UserError)
  await expect(refused).rejects.toThrow(new RegExp(`^${empty}: `))
})

test('a photo without a face comes back from a queue with what was found in it', async () => {
  const empty = join(folder, 'sky.png')
  await grey().png().toFile(empty)
  const error = await queueProtector(pool, recipe)(empty, outputs('none')).catch(error => error)
  expect(error).toBeInstanceOf(NoFaceError)
  expect(error.message).toMatch(new RegExp(`^${empty}: expected a photo with a face`))
  expect(error.search).toMatchObject({ width: 200, height: 200, doubtful: [] })
})

test('what nobody expected of a worker is told in a line with the name of the photo', async () => {
  const failing: Jobs = { ...pool, run: () => Promise.reject(new JobError('RangeError: out of range')) }
  const refused = queueProtector(failing, recipe)(photo, outputs('none'))
  await expect(refused).rejects.toThrow(new UserError(`${photo}: unexpected: RangeError: out of range`))
})

test('a photo that cannot be read is the mistake of the user, wherever it is to be protected', async () => {
  const parallel = await parallelProtector(pool, recipe, 'wasm')
  for (const protect of [parallel, queueProtector(pool, recipe)]) {
    const refused = protect(folder, outputs('none'))
    await expect(refused).rejects.toThrow(UserError)
    await expect(refused).rejects.toThrow(`expected a picture, found a folder, not a regular file: ${folder}`)
  }
})

test('two processes, a face each, give the same pictures and keys as this one, and tell of every step', async () => {
  const two = join(folder, 'two.png')
  await couple().png().toFile(two)
  const pool = faceProcesses(2, 'wasm')
  try {
    const protect = await parallelProtector(pool, recipe, 'wasm', { safeguards })
    const [steps, stepsHere] = [[] as number[][], [] as number[][]]
    const there = await protect(two, outputs('processes'), (...told) => void steps.push(told))
    const here = await (await localProtector(recipe, { safeguards }))(
      two,
      outputs('one'),
      (...told) => void stepsHere.push(told),
    )
    expect(there).toEqual(here)
    expect(there.faces).toBe(2)
    for (const [i, output] of outputs('processes').entries()) {
      expect(readFileSync(output)).toEqual(readFileSync(outputs('one')[i]!))
      expect(readFileSync(keyPath(output))).toEqual(readFileSync(keyPath(outputs('one')[i]!)))
    }
    expect(steps.toSorted()).toEqual(stepsHere.toSorted())

    const empty = join(folder, 'grey.png')
    await grey().png().toFile(empty)
    const refused = protect(empty, outputs('none'))
    await expect(refused).rejects.toThrow(UserError)
    await expect(refused).rejects.toThrow(`${empty}: expected a photo with a face, found none`)
  } finally {
    await pool.close()
  }
})

test('without a seed no two runs are alike, and each key holds the secret of its photo', async () => {
  const { seed: _, ...secretly } = recipe
  const protect = await localProtector(secretly)
  const [first, second] = [await protect(photo, outputs('first')), await protect(photo, outputs('second'))]
  expect(first.secret).toMatch(/^[0-9a-f]{64}$/)
  expect(second.secret).not.toBe(first.secret)
  const [one, other] = ['first', 'second'].map(where => outputs(where)[0]!) as [string, string]
  expect(readFileSync(one).equals(readFileSync(other))).toBe(false)
  expect((await readKey(keyPath(one))).secret).toBe(first.secret)
  const there = await queueProtector(pool, secretly)(photo, outputs('elsewhere'))
  expect((await readKey(keyPath(outputs('elsewhere')[0]!))).secret).toBe(there.secret)
  expect(there.secret).not.toBe(first.secret)
})
