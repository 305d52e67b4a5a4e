import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { FaceStore, readIndex } from '../../src/data/face-store.ts'
import { StoreWriter } from '../../src/data/store-writer.ts'
import { UserError } from '../../src/util/errors.ts'
import { makeStoreOf } from './store.ts'

const base = mkdtempSync(join(tmpdir(), 'store-'))
afterAll(() => rmSync(base, { recursive: true }))
let folder: string
beforeEach(() => {
  folder = join(mkdtempSync(join(base, 'case-')), 'faces')
})

const entries = ['ada', 'bea'].map(name => ({ id: `${name}/1.jpg`, identity: name }))
const faces = Uint8Array.from({ length: 2 * 4 * 4 * 3 }, (_, i) => i)
const make = () => makeStoreOf(folder, 4, faces, entries)

describe('a store that is not what its index says', () => {
  test.each([0, 47, 95])('is refused when byte %i of its faces is another', async at => {
    make()
    const bytes = readFileSync(join(folder, 'faces.u8'))
    bytes[at]! ^= 1
    writeFileSync(join(folder, 'faces.u8'), bytes)
    await expect(FaceStore.open(folder)).rejects.toThrow(/faces\.u8: expected SHA-256 [0-9a-f]{12}\.\.\., found/)
  })

  test.each([
    ['no JSON', '{"size":4'],
    ['null', 'null'],
    ['a size of no number', JSON.stringify({ size: '4', sha256: '0'.repeat(64), entries })],
    ['a size of nothing', JSON.stringify({ size: 0, sha256: '0'.repeat(64), entries })],
    ['a checksum that is none', JSON.stringify({ size: 4, sha256: 'x', entries })],
    ['entries of numbers', JSON.stringify({ size: 4, sha256: '0'.repeat(64), entries: [1, 2] })],
  ])('is refused for %s', async (_, text) => {
    make()
    writeFileSync(join(folder, 'index.json'), text)
    await expect(readIndex(folder)).rejects.toThrow(/index\.json: expected the index of prepared faces/)
    await expect(FaceStore.open(folder)).rejects.toThrow(UserError)
  })
})

async function write(level: number): Promise<void> {
  const writer = await StoreWriter.create(folder, 4)
  await writer.add(entries[0]!, new Uint8Array(48).fill(level))
  await writer.finish()
}
const levelIn = async () => {
  const store = await FaceStore.open(folder)
  const bytes = await store.bytes([0])
  await store.close()
  return bytes[0]
}

test('a store takes the place of an earlier one; ended in between, it is finished by who opens it', async () => {
  await write(1)
  await write(2)
  expect(await levelIn()).toBe(2)
  expect(readdirSync(join(folder, '..'))).toEqual(['faces'])
  // As a writer leaves it that is ended between its renames.
  await write(3)
  renameSync(folder, `${folder}.partial`)
  mkdirSync(`${folder}.replaced`)
  expect(await levelIn()).toBe(3)
  // One that is not whole is none.
  await StoreWriter.create(`${folder}-2`, 4)
  await expect(readIndex(`${folder}-2`)).rejects.toThrow(/no prepared faces/)
  expect(existsSync(`${folder}-2`)).toBe(false)
  await write(4)
  expect(await levelIn()).toBe(4)
  expect(existsSync(`${folder}.replaced`)).toBe(false)
})
