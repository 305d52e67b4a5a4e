import { appendFile, cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { FaceStore, readIndex } from '../../src/data/face-store.ts'
import { pairsWithin, splitsOf, writeContactSheet } from '../../src/data/info.ts'
import { type DatasetManifest, loadManifest, manifestSchema } from '../../src/data/manifest.ts'
import { type PrepareOptions, prepareDataset, preparePart, summaryOf } from '../../src/data/prepare.ts'
import { identityFile, mappingFile, splitOf } from '../../src/data/splits.ts'
import { encodeImage, readImage, resizeImage, writeImage } from '../../src/images/codec.ts'
import type { Image } from '../../src/images/image.ts'
import { withLock } from '../../src/util/lock.ts'
import { type ArchivedPicture, parquetOf, zipOf } from './archives.ts'
import { portrait } from './portraits.ts'

const manifest = manifestSchema.parse({
  name: 'people',
  title: '',
  licence: '',
  identities: 'folder',
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

describe('CelebA-HQ', () => {
  let celeba: string
  let manifest: DatasetManifest
  beforeAll(async () => {
    celeba = join(folder, 'CelebAMask-HQ')
    manifest = await loadManifest('celebahq')
    const pictures = await Promise.all(
      [0, 1, 2].map(async i => ({ path: `${i}.jpg`, bytes: await encodeImage(await portrait(i, 256), 'jpeg') })),
    )
    const place = async (path: string, bytes: Uint8Array | string) => {
      await mkdir(dirname(join(celeba, path)), { recursive: true })
      await writeFile(join(celeba, path), bytes)
    }
    const below = (parent: string) => pictures.map(({ path, bytes }) => ({ path: `${parent}/${path}`, bytes }))
    for (const { path, bytes } of below('CelebA-HQ-img')) await place(path, bytes)
    await place('CelebA-HQ-img.zip', zipOf(below('CelebA-HQ-img')))
    await place('parquet/default/train/0000.parquet', parquetOf(pictures.slice(0, 2)))
    await place('parquet/default/validation/0000.parquet', parquetOf(pictures.slice(2)))

    const people = Array.from({ length: 100 }, (_, i) => i + 1)
    const [train, test] = ['train', 'test'].map(split =>
      people.filter(person => splitOf(manifest, `celeba-${person}`) === split),
    ) as [number[], number[]]
    const original = (i: number) => `00010${i}.jpg`
    await place(mappingFile, ['idx orig_idx orig_file', ...[0, 1, 2].map(i => `${i} ${i} ${original(i)}`)].join('\n'))
    await place(identityFile, [train[0], test[0], train[1]].map((person, i) => `${original(i)} ${person}`).join('\n'))
  })

  /** What a preparation wrote of each split: numbers and people of its pictures, and their pixels. */
  const splits = (out: string) =>
    Promise.all(
      ['train', 'test'].map(async split => {
        const { entries } = await readIndex(join(out, split))
        const people = entries.map(({ id, identity }) => [basename(id), identity])
        return { people, pixels: await readFile(join(out, split, 'faces.u8'), 'base64') }
      }),
    )

  it('gives the same faces from a folder, a zip archive and Parquet files', async () => {
    const prepared = []
    for (const [kind, path] of Object.entries({
      folder: 'CelebA-HQ-img',
      zip: 'CelebA-HQ-img.zip',
      parquet: 'parquet',
    })) {
      const settings = options(`celeba-${kind}`, { from: join(celeba, path), identities: celeba })
      const summary = await prepareDataset(manifest, settings)
      expect(summary).toMatchObject({
        source: kind,
        identitiesKnown: true,
        written: { train: 2, test: 1 },
        dropped: {},
      })
      prepared.push(await splits(settings.out))
    }
    const [fromFolder, ...others] = prepared
    expect(fromFolder!.map(({ people }) => people.map(([file]) => file))).toEqual([['0.jpg', '2.jpg'], ['1.jpg']])
    for (const other of others) expect(other).toEqual(fromFolder)
  })

  it('holds nobody out where its files of identities are missing', async () => {
    const settings = options('celeba-zip', { from: join(celeba, 'CelebA-HQ-img.zip'), identities: folder })
    const summary = await prepareDataset({ ...manifest, aligned: true }, settings)
    expect(summary).toMatchObject({ identities: 'celeba-hq', identitiesKnown: false, written: { train: 3 } })
    // Who was in the test split before is now in the other.
    expect((await splitsOf(settings.out)).map(({ name }) => name)).toEqual(['train'])
  })
})

describe('shards of one name, whose rows have no paths', () => {
  it.each([
    ['hash', { train: 4 }],
    ['source', { train: 2, validation: 2 }],
  ] as const)('lose no picture where splits are by %s', async (split, written) => {
    const from = join(folder, `shards-${split}`)
    const grey = async (level: number): Promise<ArchivedPicture> => ({
      path: '',
      bytes: await encodeImage({ width: 32, height: 32, data: new Uint8Array(32 * 32 * 3).fill(level) }, 'png'),
    })
    const broken = { path: '', bytes: Buffer.from('no picture') }
    const shards = {
      train: [await grey(10), broken, await grey(20)],
      validation: [await grey(30), await grey(40), await grey(10)],
    }
    for (const [name, pictures] of Object.entries(shards)) {
      await mkdir(join(from, 'default', name), { recursive: true })
      await writeFile(join(from, 'default', name, '0000.parquet'), parquetOf(pictures, false))
    }
    const plain = manifestSchema.parse({ ...manifest, identities: 'unknown', aligned: true, split })
    const settings = options(`shards-${split}-out`, { from })
    expect((await prepareDataset(plain, settings)).written).toEqual(written)
    const [, ...dropped] = (await readFile(join(settings.out, 'dropped.tsv'), 'utf8')).trim().split('\n')
    expect(dropped.map(line => line.split('\t').slice(0, 2))).toEqual([
      ['default/train/0000.parquet/1', 'unreadable'],
      ['default/validation/0000.parquet/2', 'duplicate'],
    ])
    const stores = Object.keys(written).map(name => readFile(join(settings.out, name, 'faces.u8')))
    const levels = [...Buffer.concat(await Promise.all(stores))].filter((_, i) => i % (32 * 32 * 3) === 0)
    expect(levels).toEqual([10, 20, 30, 40])
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
