/** The record of a run grows with its photos: what is there is named, and what is not, is not. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { loadTaskRecipe } from '../../src/config/task-recipe.ts'
import type { Encryption } from '../../src/keys/age.ts'
import { recordPhotos } from '../../src/pipeline/photo-record.ts'
import { readRuns, type Software, softwareOf } from '../../src/pipeline/run-record.ts'
import { sha256 } from '../../src/weights/checksum.ts'

let folder: string
let software: Software
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'photo-record-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  software = await softwareOf('wasm')
})

async function recording(encryption: Encryption = {}) {
  const recipe = await loadTaskRecipe('anonymize', [])
  const commit = recordPhotos(folder, recipe, { encryption }, { fallback: 'blur', check: true })
  const protect = (name: string, on = software) =>
    commit({ path: join(folder, 'in', name), bytes: Buffer.from(name), software: on, weights: {} }, [
      { path: join(folder, `${name}.dpkey`), data: `key of ${name}` },
      { path: join(folder, name), data: `picture of ${name}` },
    ])
  return protect
}

test('photos that are done side by side are all recorded, in one run, with what their files hash to', async () => {
  const protect = await recording()
  const names = ['a.png', 'b.png', 'c.png', 'd.png']
  await Promise.all(names.map(name => protect(name)))
  const runs = await readRuns(folder)
  expect(runs).toHaveLength(1)
  expect(runs[0]!.settings.photos).toEqual(names.map(name => ({ photo: `in/${name}`, outputs: [name] })))
  expect(runs[0]!.inputs.map(({ path }) => path)).toEqual(names.map(name => `in/${name}`))
  for (const { path, sha256: sum } of runs[0]!.outputs) expect(await sha256(join(folder, path))).toBe(sum)
  expect(runs[0]!.outputs).toHaveLength(2 * names.length)
})

test('a photo that cannot be written is not recorded, and the record names what was done before and after it', async () => {
  const protect = await recording()
  await protect('a.png')
  const before = readFileSync(join(folder, 'run.json'), 'utf8')
  mkdirSync(join(folder, 'b.png'))
  await expect(protect('b.png')).rejects.toThrow('b.png')
  expect(readFileSync(join(folder, 'run.json'), 'utf8')).toBe(before)
  expect(existsSync(join(folder, 'b.png.dpkey'))).toBe(false)
  await protect('c.png')
  const [run] = await readRuns(folder)
  expect(run!.inputs.map(({ path }) => path)).toEqual(['in/a.png', 'in/c.png'])
})

test('photos that other machines made are runs of their own, and earlier runs stay', async () => {
  const first = await recording()
  await first('a.png')
  const second = await recording()
  await second('b.png')
  await second('c.png', { ...software, node: 'another' })
  await second('d.png')
  const runs = await readRuns(folder)
  expect(runs.map(({ outputs }) => outputs.map(({ path }) => path).filter(path => path.endsWith('.png')))).toEqual([
    ['a.png'],
    ['b.png', 'd.png'],
    ['c.png'],
  ])
})

test('encrypted, a run is one file that its photos share, and each of its keys can change', async () => {
  const identity = await generateX25519Identity()
  const protect = await recording({ recipients: [await identityToRecipient(identity)] })
  await protect('a.png')
  await protect('b.png')
  expect(readdirSync(folder).filter(name => name.startsWith('run'))).toEqual(['run-1.json.age'])
  const [run] = await readRuns(folder, { identities: [identity] })
  expect(run!.outputs.map(({ path }) => path)).toEqual(['a.png', 'b.png'])
})
