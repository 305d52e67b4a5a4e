import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { FaceStore } from '../../src/data/face-store.ts'
import { type DatasetManifest, loadManifest, splitOf } from '../../src/data/manifest.ts'
import { prepareDataset } from '../../src/data/prepare.ts'

const photos = join(dirname(createRequire(import.meta.url).resolve('@vladmandic/face-api/package.json')), 'demo')

let folder: string
beforeAll(async () => {
  await useBackend('wasm')
  folder = await mkdtemp(join(tmpdir(), 'prepare-'))
})
afterAll(() => rm(folder, { recursive: true }))

describe('the split of a data set', () => {
  it('keeps every person on one side, about as many of them as the manifest says', async () => {
    const lfw = await loadManifest('lfw')
    const splits = Array.from({ length: 2000 }, (_, i) => splitOf(lfw, `person ${i}`))
    const share = splits.filter(split => split === 'test').length / splits.length
    expect(share).toBeGreaterThan(0.27)
    expect(share).toBeLessThan(0.33)
    expect(splitOf(lfw, 'person 7')).toBe(splits[7])
    // sha256 of the names, first eight digits modulo ten: 0 and 9.
    expect(['Aaron_Peirsol', 'AJ_Cook'].map(name => splitOf(lfw, name))).toEqual(['test', 'train'])
  })

  it('holds nobody out unless asked', async () => {
    expect(splitOf(await loadManifest('utkface'), 'anybody')).toBe('train')
  })
})

describe('prepareDataset', () => {
  const manifest: DatasetManifest = {
    name: 'two people',
    title: '',
    home: '',
    licence: '',
    layout: 'folder-per-identity',
    heldOutTenths: 0,
    aligned: false,
  }

  it('cuts one face out of each photo, and says what it dropped', async () => {
    const from = join(folder, 'photos')
    for (const name of ['one', 'two', 'broken']) await mkdir(join(from, name), { recursive: true })
    await cp(join(photos, 'sample1.jpg'), join(from, 'one/a.jpg'))
    await cp(join(photos, 'sample5.jpg'), join(from, 'two/b.jpg'))
    await writeFile(join(from, 'broken/c.jpg'), 'no picture')
    const steps: number[] = []
    const out = join(folder, 'out')
    const summary = await prepareDataset(manifest, { from, out, size: 64, onProgress: done => steps.push(done) })
    expect(steps).toEqual([1, 2, 3])
    expect(summary.written).toEqual({ train: 2 })
    expect(summary.dropped.map(({ id }) => id)).toEqual(['broken/c.jpg'])
    expect(await readdir(out)).toEqual(['summary.json', 'train'])

    const store = await FaceStore.open(join(out, 'train'))
    expect(store.entries.map(({ id, identity }) => [id, identity])).toEqual([
      ['one/a.jpg', 'one'],
      ['two/b.jpg', 'two'],
    ])
    const faces = await store.faces([1, 0])
    expect(faces.shape).toEqual([2, 64, 64, 3])
    const values = await faces.data()
    expect(Math.min(...values)).toBeGreaterThanOrEqual(-1)
    expect(Math.max(...values)).toBeLessThanOrEqual(1)
    expect(Math.max(...values) - Math.min(...values)).toBeGreaterThan(1)
    faces.dispose()

    const both = await FaceStore.open(join(out, 'train'), join(out, 'train'))
    expect(both.count).toBe(4)
    expect(await both.bytes([3])).toEqual(await store.bytes([1]))
    await Promise.all([store.close(), both.close()])
  })

  it('refuses a folder without pictures, and a store whose files do not agree', async () => {
    const empty = join(folder, 'empty')
    await mkdir(empty)
    const options = { from: empty, out: join(folder, 'none'), size: 64, onProgress: () => {} }
    await expect(prepareDataset(manifest, options)).rejects.toThrow(/found none/)
    await expect(FaceStore.open(empty)).rejects.toThrow(/dataset prepare/)
    const cut = join(folder, 'cut')
    await cp(join(folder, 'out/train'), cut, { recursive: true })
    await writeFile(join(cut, 'faces.u8'), (await readFile(join(cut, 'faces.u8'))).subarray(0, 100))
    await expect(FaceStore.open(cut)).rejects.toThrow(/holds 100 bytes/)
  })
})
