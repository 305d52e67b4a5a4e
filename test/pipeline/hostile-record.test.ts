/** Records of runs that somebody else has written: nothing is made outside of the folder that was asked for. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { run } from '../../src/cli/program.ts'
import { recipeSchema } from '../../src/config/recipe.ts'
import { UserError } from '../../src/util/errors.ts'
import { repositoryPath } from '../../src/util/paths.ts'
import { loadConfig } from '../../src/yaml/load.ts'

const root = mkdtempSync(join(tmpdir(), 'hostile-record-'))
const [folder, keep, victim] = ['run', 'kept', 'victim'].map(name => join(root, name)) as [string, string, string]
afterAll(() => rmSync(root, { recursive: true }))

const sum = '0'.repeat(64)
let recipe: unknown

beforeAll(async () => {
  for (const path of [folder, keep, victim]) mkdirSync(path)
  writeFileSync(join(victim, 'x.jpg'), 'precious')
  symlinkSync(victim, join(keep, 'link'))
  recipe = await loadConfig(recipeSchema, { path: repositoryPath('configs/anonymize.yaml') })
})

const software = { version: '0', node: '0', tfjs: '0', backend: 'wasm', backendVersion: '0', platform: 'linux' }

/** Replays a record of one run. */
async function replay(command: string, settings: unknown, outputs: readonly string[]): Promise<unknown> {
  const record = {
    format: 1,
    command,
    settings,
    weights: {},
    software,
    inputs: [],
    outputs: outputs.map(path => ({ path, sha256: sum })),
  }
  writeFileSync(join(folder, 'run.json'), JSON.stringify({ runs: [record] }))
  return run(['replay', folder, '--keep', keep]).catch((error: unknown) => error)
}

describe.each(['../victim/x.jpg', 'link/x.jpg', '/tmp/x.jpg', 'C:\\x.jpg', 'a\0.jpg', '..', ''])('output %j', name => {
  const refused = (error: unknown) => {
    expect(error).toBeInstanceOf(UserError)
    expect((error as Error).message).toMatch(/^the record of a run in .*run names '/)
    expect(readdirSync(keep)).toEqual(['link'])
    expect(readdirSync(victim)).toEqual(['x.jpg'])
    expect(readFileSync(join(victim, 'x.jpg'), 'utf8')).toBe('precious')
  }

  test('of the record', async () => refused(await replay('anonymize', {}, [name])))
  test('of the settings to protect', async () => {
    refused(await replay('anonymize', { recipe, photos: [{ photo: 'a.jpg', outputs: [name] }] }, ['a.jpg']))
  })
  test('of the settings to recover', async () => {
    refused(await replay('recover', { pictures: [{ picture: 'a.jpg', key: 'a.dpkey', output: name }] }, ['a.jpg']))
  })
})
