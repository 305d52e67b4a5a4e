import { appendFile, cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { FaceStore } from '../../src/data/face-store.ts'
import { type Image, readImage, resizeImage, writeImage } from '../../src/data/image.ts'
import { pairsWithin, splitsOf, summaryOf, writeContactSheet } from '../../src/data/info.ts'
import { manifestSchema } from '../../src/data/manifest.ts'
import { type PrepareOptions, prepareDataset, preparePart } from '../../src/data/prepare.ts'
import { withLock } from '../../src/lock.ts'
import { portrait } from './portraits.ts'

const manifest = manifestSchema.parse({
  name: 'people',
  title: '',
  licence: '',
  identities: 'folder',
  detectorSize: 256,
  severalFaces: 'drop',
})

let folder: string
let from: string
const options = (out: string, more: Partial<PrepareOptions> = {}): PrepareOptions => ({
  from,
  out: join(folder, out),
  size: 32,
  onProgress: () => {},
  ...more,
})

/** `right` beside `left`. */
function beside(left: Image, right: Image): Image {
  const width = left.width + right.width
  const data = new Uint8Array(width * left.height * 3)
  for (let y = 0; y < left.height; y++) {
    data.set(left.data.subarray(3 * y * left.width, 3 * (y + 1) * left.width), 3 * y * width)
    data.set(right.data.subarray(3 * y * right.width, 3 * (y + 1) * right.width), 3 * (y * width + left.width))
  }
  return { width, height: left.height, data }
}

beforeAll(async () => {
  await useBackend('wasm')
  folder = await mkdtemp(join(tmpdir(), 'prepare-'))
  from = join(folder, 'photos')
  for (const name of ['ann', 'ben', 'carl', 'dora', 'eve', 'flo']) await mkdir(join(from, name), { recursive: true })
  const ann = await portrait(0, 256)
  await writeImage(join(from, 'ann/1.jpg'), ann)
  await writeImage(join(from, 'ben/1.jpg'), await portrait(1, 256))
  await writeImage(join(from, 'carl/1.png'), { width: 300, height: 300, data: new Uint8Array(300 * 300 * 3).fill(99) })
  await writeFile(join(from, 'dora/1.jpg'), 'no picture')
  await cp(join(from, 'ann/1.jpg'), join(from, 'eve/1.jpg'))
  await writeImage(join(from, 'ann/small.png'), await resizeImage(ann, 64, 64))
  await writeImage(join(from, 'flo/1.png'), beside(ann, ann))
})
afterAll(() => rm(folder, { recursive: true }))

describe('prepareDataset', () => {
  it('cuts one face out of each photo, and says what it dropped and why', async () => {
    const steps: number[] = []
    const out = join(folder, 'out')
    const summary = await prepareDataset(manifest, options('out', { onProgress: done => void steps.push(done) }))
    expect(steps).toEqual([1, 2, 3, 4, 5, 6, 7])
    expect(summary.written).toEqual({ train: 2 })
    expect(summary.people).toEqual({ train: 2 })
    expect(summary.dropped).toEqual({ 'no face': 1, 'several faces': 1, 'too small': 1, unreadable: 1, duplicate: 1 })
    const [, ...dropped] = (await readFile(join(out, 'dropped.tsv'), 'utf8')).trim().split('\n')
    expect(dropped.map(line => line.split('\t').slice(0, 2))).toEqual([
      ['ann/small.png', 'too small'],
      ['carl/1.png', 'no face'],
      ['dora/1.jpg', 'unreadable'],
      ['eve/1.jpg', 'duplicate'],
      ['flo/1.png', 'several faces'],
    ])
    expect(summary.identitiesKnown).toBe(true)
    expect((await readdir(out)).sort()).toEqual(['dropped.tsv', 'summary.json', 'train'])

    const store = await FaceStore.open(join(out, 'train'))
    expect(store.entries).toEqual([
      { id: 'ann/1.jpg', identity: 'ann' },
      { id: 'ben/1.jpg', identity: 'ben' },
    ])
    const faces = await store.faces([1, 0])
    expect(faces.shape).toEqual([2, 32, 32, 3])
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

  it('goes on where it was interrupted, to the same result', async () => {
    const interrupted = options('again', {
      onProgress: done => {
        if (done === 4) throw new Error('killed')
      },
    })
    await expect(prepareDataset(manifest, interrupted)).rejects.toThrow('killed')
    // A line that the interruption cut short, and its face.
    const journals = join(interrupted.out, 'preparing')
    const written = (await readdir(journals)).filter(name => name.endsWith('.jsonl')).sort()
    for (const name of written) await appendFile(join(journals, name), '{"id":"ben/1.j')
    for (const name of written) await appendFile(join(journals, name.replace('jsonl', 'u8')), 'some')

    const other = prepareDataset({ ...manifest, severalFaces: 'central' }, options('again'))
    await expect(other).rejects.toThrow(/interrupted and had other settings/)
    // What was looked at before is not looked at again: its file may be gone.
    const hidden = join(folder, 'hidden.jpg')
    await cp(join(from, 'ann/1.jpg'), hidden)
    await writeFile(join(from, 'ann/1.jpg'), 'gone')
    const summary = await prepareDataset(manifest, options('again'))
    await cp(hidden, join(from, 'ann/1.jpg'))
    expect(summary).toEqual(await summaryOf(join(folder, 'out')))
    const stores = await Promise.all(['out', 'again'].map(out => readFile(join(folder, out, 'train/faces.u8'))))
    expect(stores[0]!.equals(stores[1]!)).toBe(true)
  })

  it('is done by one process at a time', async () => {
    const twice = options('twice')
    await withLock(join(twice.out, '.lock'), 'another', async () => {
      await expect(prepareDataset(manifest, twice)).rejects.toThrow(`preparing ${twice.out}: process`)
    })
  })

  it('shares the work with other processes', async () => {
    const polled: number[] = []
    const shared = options('shared', { onProgress: done => void polled.push(done) })
    await prepareDataset(manifest, {
      ...shared,
      workers: async onLooked => {
        await preparePart(manifest, options('shared'), 0, 2)
        onLooked(7)
        await preparePart(manifest, options('shared'), 1, 2)
      },
    })
    expect(polled).toEqual([7, 1, 2, 3, 4, 5, 6, 7]) // All of them are in the first part of 64.
    const stores = await Promise.all(['out', 'shared'].map(out => readFile(join(folder, out, 'train/index.json'))))
    expect(stores[0]!.equals(stores[1]!)).toBe(true)
  })

  it('removes the store of a split that there is no more', async () => {
    const one = options('split', { from: join(folder, 'one') })
    await cp(join(from, 'ben'), join(one.from, 'ben'), { recursive: true })
    await prepareDataset({ ...manifest, heldOutTenths: 10 }, one)
    expect((await readdir(one.out)).sort()).toEqual(['dropped.tsv', 'summary.json', 'test'])
    await prepareDataset({ ...manifest, heldOutTenths: 0 }, one)
    expect((await readdir(one.out)).sort()).toEqual(['dropped.tsv', 'summary.json', 'train'])
  })

  it('refuses a folder without pictures or faces, and a store whose files do not agree', async () => {
    const empty = join(folder, 'empty')
    await mkdir(empty)
    await expect(prepareDataset(manifest, options('none', { from: empty }))).rejects.toThrow(/found none/)
    const faceless = options('none', { from: join(folder, 'faceless') })
    await cp(join(from, 'carl'), join(faceless.from, 'carl'), { recursive: true })
    await expect(prepareDataset(manifest, faceless)).rejects.toThrow(/found none in 1 pictures .*: no face/)
    await expect(FaceStore.open(empty)).rejects.toThrow(/dataset prepare/)
    const cut = join(folder, 'cut')
    await cp(join(folder, 'out/train'), cut, { recursive: true })
    await writeFile(join(cut, 'faces.u8'), (await readFile(join(cut, 'faces.u8'))).subarray(0, 100))
    await expect(FaceStore.open(cut)).rejects.toThrow(/holds 100 bytes/)
  })
})

describe('what is in a prepared folder', () => {
  it('is counted by split, and shown', async () => {
    const out = join(folder, 'out')
    const splits = await splitsOf(out)
    expect(splits.map(({ name, faces, people, size }) => [name, faces, people, size])).toEqual([['train', 2, 2, 32]])
    expect(await splitsOf(join(out, 'train'))).toEqual(splits)
    const pair = (same: boolean, ...photos: [string, string]) => ({ fold: 0, same, photos })
    const pairs = [pair(false, 'ann/1.jpg', 'ben/1.jpg'), pair(true, 'ann/1.jpg', 'ann/small.png')]
    expect(await pairsWithin(pairs, splits[0]!)).toEqual({ genuine: 0, impostor: 1 })
    await expect(splitsOf(from)).rejects.toThrow(/dataset prepare/)
    const sheet = join(folder, 'sheet.png')
    await writeContactSheet(sheet, splits)
    const { width, height } = await readImage(sheet)
    expect([width, height]).toEqual([2 * 64, 64])
  })
})
