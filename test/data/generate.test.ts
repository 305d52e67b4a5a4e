import { existsSync, mkdtempSync, readFileSync, rmSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { run } from '../../src/cli/program.ts'
import { FaceStore } from '../../src/data/face-store.ts'
import { generateFaces } from '../../src/data/generate.ts'
import { StoreWriter } from '../../src/data/store-writer.ts'
import type { Generator } from '../../src/faces/generator.ts'
import type { FaceSize } from '../../src/models/generator/synthesis.ts'
import { UserError } from '../../src/util/errors.ts'

/** A generator whose styles are z, whose latents are half of them, and whose faces show the first three values of row 11. */
const generator: Generator = {
  mapped: z => z.clone(),
  toStyles: latents => tf.mul(latents, 2),
  toLatents: styles => tf.mul(styles, 0.5),
  synthesize: (styles, size) => {
    const colour = tf.slice(styles, [0, 11, 0], [-1, 1, 3])
    return tf.tile(tf.reshape(colour, [-1, 1, 1, 3]), [1, size, size, 1]) as tf.Tensor4D
  },
  decode: () => {
    throw new Error('not of use here')
  },
}

let folder: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'generate-'))
  await useBackend('tensorflow')
})
afterAll(() => rmSync(folder, { recursive: true }))

async function generated(name: string, options: { count?: number; seed?: number; truncation?: number } = {}) {
  const out = join(folder, name)
  await generateFaces(generator, { out, count: 11, seed: 3, size: 128 as FaceSize, truncation: 0.8, ...options })
  return FaceStore.open(out)
}

test('faces come with the latents that they were generated from', async () => {
  const store = await generated('faces')
  expect([store.count, store.size, store.hasLatents]).toEqual([11, 128, true])
  expect(new Set(store.entries.map(({ identity }) => identity)).size).toBe(11)
  const latents = await store.latents([9, 2])
  expect(latents.shape).toEqual([2, 16, 1, 512])
  const shown = tf.clipByValue(tf.mul(tf.slice(latents, [0, 11, 0, 0], [-1, 1, 1, 3]), 2), -1, 1)
  const faces = await store.faces([9, 2])
  const corner = tf.slice(faces, [0, 127, 5, 0], [-1, 1, 1, 3])
  expect(tf.max(tf.abs(tf.sub(corner, shown))).dataSync()[0]).toBeLessThan(1 / 127)
  await store.close()
})

test('rows of a group share a style, and about half of the faces mix styles', async () => {
  const store = await generated('groups', { count: 64 })
  const all = Array.from({ length: 64 }, (_, i) => i)
  const first = tf.slice(await store.latents(all), [0, 0, 0, 0], [-1, -1, 1, 1]).reshape([64, 16])
  const rows = (await first.array()) as number[][]
  for (const row of rows)
    for (const [from, to] of [[0, 3], [3, 5], [5, 9], [9, 11], [11, 16]] as const) // biome-ignore format: one line
      expect(new Set(row.slice(from, to)).size).toBe(1)
  const mixed = rows.filter(row => new Set(row).size > 1).length
  expect(mixed).toBeGreaterThan(20)
  expect(mixed).toBeLessThan(44)
  await store.close()
})

test('a face depends on its seed and number alone, and truncation draws it to the mean', async () => {
  const [few, many, other, mean] = await Promise.all([
    generated('few', { count: 3 }),
    generated('many', { count: 9 }),
    generated('other', { count: 3, seed: 4 }),
    generated('mean', { count: 3, truncation: 0 }),
  ])
  const values = async (store: FaceStore) => [...(await (await store.latents([0, 1, 2])).data())]
  expect(await values(few)).toEqual(await values(many))
  expect(await values(other)).not.toEqual(await values(few))
  // The mean of 10,000 standard normal values
  expect(Math.max(...(await values(mean)).map(Math.abs))).toBeLessThan(0.05)
  for (const store of [few, many, other, mean]) await store.close()
})

test('no tensor stays, and nothing unfinished lies beside the store', async () => {
  const before = tf.memory().numTensors
  await (await generated('clean', { count: 2 })).close()
  expect(tf.memory().numTensors).toBe(before)
  expect(existsSync(join(folder, 'clean.partial'))).toBe(false)
})

test('stores without latents open as before, and say that they have none', async () => {
  const writer = await StoreWriter.create(join(folder, 'photos'), 16)
  await writer.add({ id: 'a', identity: 'b' }, new Uint8Array(16 * 16 * 3))
  await expect(writer.add({ id: 'c', identity: 'd' }, new Uint8Array(16 * 16 * 3), new Float32Array(8192))).rejects.toThrow(
    /latents of all faces or of none/,
  ) // biome-ignore format: one line
  await writer.finish()
  expect(JSON.parse(readFileSync(join(folder, 'photos', 'index.json'), 'utf8'))).not.toHaveProperty('latents')
  const store = await FaceStore.open(join(folder, 'photos'))
  expect(store.hasLatents).toBe(false)
  await expect(store.latents([0])).rejects.toThrow(/dataset generate/)
  await store.close()
})

test('latents that were cut are refused', async () => {
  await (await generated('cut', { count: 2 })).close()
  truncateSync(join(folder, 'cut', 'latents.f32'), 100)
  await expect(FaceStore.open(join(folder, 'cut'))).rejects.toThrow(/latents.f32 holds 100 bytes/)
})

test.each([
  [['--out', 'x'], /--count, the number of faces/],
  [['--count', '0'], /--count of 1 face or more, found 0/],
  [['--count', '2', '--size', '64'], /--size out of 128, 256, 1024, found 64/],
  [['--count', '2', '--truncation', '1.5'], /--truncation of 0 to 1, found 1.5/],
  [['--count', '2', '--seed', '0.5'], /--seed, found 0.5/],
])('bad options are the user’s mistake: %j', async (options, message) => {
  const asked = run(['dataset', 'generate', ...options])
  await expect(asked).rejects.toThrow(UserError)
  await expect(asked).rejects.toThrow(message)
})

test('only generate does without a name, and takes none', async () => {
  await expect(run(['dataset', 'info'])).rejects.toThrow(/expected the name of a data set/)
  await expect(run(['dataset', 'generate', 'lfw', '--count', '2'])).rejects.toThrow(/takes no name/)
})
