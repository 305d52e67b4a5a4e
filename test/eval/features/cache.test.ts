import { appendFileSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { FeatureCache, FeatureTable, withFeatures } from '../../../src/eval/features/cache.ts'

const root = mkdtempSync(join(tmpdir(), 'features-'))
afterAll(() => rmSync(root, { recursive: true }))

const key = (i: number) => i.toString(16).padStart(64, '0')

test('rows of any length are there when the table is opened again', async () => {
  const path = join(root, 'a.rows')
  const table = await FeatureTable.open(path)
  await table.add([
    [key(1), Float32Array.of(1, 2, 3)],
    [key(2), Float32Array.of()],
  ])
  await table.add([[key(3), Float32Array.of(-0.5)]])
  expect([...(await table.get(key(3)))]).toEqual([-0.5])
  await table.close()
  const again = await FeatureTable.open(path)
  expect([...(await again.get(key(1)))]).toEqual([1, 2, 3])
  expect([...(await again.get(key(2)))]).toEqual([])
  expect(again.has(key(4))).toBe(false)
  await expect(again.get(key(4))).rejects.toThrow('no row')
  await again.close()
})

test('what a crash left of a record is cut off, and the rows before it stay', async () => {
  const path = join(root, 'b.rows')
  const table = await FeatureTable.open(path)
  await table.add([[key(1), Float32Array.of(1, 2)]])
  await table.close()
  const { size } = statSync(path)
  appendFileSync(path, Buffer.alloc(40, 7))
  const again = await FeatureTable.open(path)
  expect(statSync(path).size).toBe(size)
  await again.add([[key(2), Float32Array.of(3)]])
  expect([...(await again.get(key(1)))]).toEqual([1, 2])
  expect([...(await again.get(key(2)))]).toEqual([3])
  await again.close()
})

test('other weights make another table', async () => {
  const cache = await FeatureCache.open(join(root, 'cache'))
  const [one, other] = [await cache.table('embedding', 'a'.repeat(64)), await cache.table('embedding', 'b'.repeat(64))]
  await one.add([[key(1), Float32Array.of(1)]])
  expect(other.has(key(1))).toBe(false)
  expect(await cache.table('embedding', 'a'.repeat(64))).toBe(one)
  await cache.close()
})

test('a folder of features has one user at a time, whose rows the next one finds', async () => {
  const folder = join(root, 'shared')
  const named = (cache: FeatureCache) => cache.table('embedding', 'a'.repeat(64))
  await withFeatures(folder, async cache => {
    await expect(withFeatures(folder, named)).rejects.toThrow(
      `measuring with the features in ${folder}: process ${process.pid} is at it`,
    )
    await (await named(cache)).add([[key(1), Float32Array.of(5)]])
  })
  expect(await withFeatures(folder, async cache => [...(await (await named(cache)).get(key(1)))])).toEqual([5])
})
