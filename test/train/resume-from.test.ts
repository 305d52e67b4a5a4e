import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { UserError } from '../../src/util/errors.ts'
import { trainToy } from './toy.ts'

const root = mkdtempSync(join(tmpdir(), 'resume-from-'))
const [whole, cut] = [join(root, 'whole'), join(root, 'cut')]
const at = (name: string) => join(cut, `${name}.safetensors`)
const train = (folder: string, steps: number, from?: string) => trainToy(folder, steps, () => {}, from)

beforeAll(async () => {
  await useBackend('wasm')
  await train(whole, 12)
  await train(cut, 12)
})
afterAll(() => rmSync(root, { recursive: true }))

test('a last checkpoint that is cut names the older one that is whole; --resume-from goes on from it to the same bits', async () => {
  // All names of the newest are of one file, which the disk has lost the end of.
  truncateSync(at('last'), statSync(at('last')).size - 1000)
  const error = await train(cut, 12).catch((error: unknown) => error)
  expect(error).toBeInstanceOf(UserError)
  expect((error as Error).message).toMatch(/last\.safetensors is not a whole safetensors file: .*; fetch it again/)
  expect((error as Error).message).toContain(
    `${at('step-000009')} is intact: resume from it with --resume-from ${at('step-000009')}`,
  )
  await train(cut, 12, at('step-000009'))
  expect(readFileSync(at('last')).equals(readFileSync(join(whole, 'last.safetensors')))).toBe(true)
})

test('where none is whole, or the one asked for is not there, it is said', async () => {
  await expect(train(cut, 15, at('step-000099'))).rejects.toThrow(
    /expected a checkpoint at .*step-000099.*found no file/,
  )
  for (const name of ['last', 'best', 'step-000012']) writeFileSync(at(name), 'nothing')
  rmSync(at('step-000009'), { force: true })
  await expect(train(cut, 15)).rejects.toThrow(/no older checkpoint in its folder is intact/)
})
