import { cp, mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openSource } from '../../src/data/sources/open.ts'
import { picture, type Source } from '../../src/data/sources/source.ts'
import { encodeImage, readImage } from '../../src/images/codec.ts'

const golden = fileURLToPath(new URL('../golden/sources/', import.meta.url))

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sources-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** The colour of each picture's first pixel, in the order of the source or another. */
const colours = (source: Source, order = source.pictures.map((_, i) => i)) =>
  Promise.all(
    order.map(async i => {
      const picture = await readImage(await source.pictures[i]!.read())
      expect([picture.width, picture.height]).toEqual([24, 16])
      return [...picture.data.subarray(0, 3)]
    }),
  )
const colour = (i: number) => [20 * i, 100, 255 - 20 * i]

describe('openSource', () => {
  it('reads the pictures below a folder, and no others', async () => {
    const from = join(folder, 'photos')
    const png = await encodeImage({ width: 24, height: 16, data: new Uint8Array(24 * 16 * 3).fill(9) }, 'png')
    for (const path of ['train/Ann', 'test/Ben', '.thumbnails']) await mkdir(join(from, path), { recursive: true })
    for (const path of ['train/Ann/2.png', 'train/Ann/1.PNG', 'test/Ben/1.png', '.thumbnails/1.png', 'notes.txt'])
      await writeFile(join(from, path), png)
    await symlink(join(from, 'train/Ann/1.PNG'), join(from, 'training.png'))
    const source = await openSource(from)
    expect(source.kind).toBe('folder')
    expect(source.pictures.map(({ id, split }) => [id, split])).toEqual([
      ['test/Ben/1.png', 'test'],
      ['train/Ann/1.PNG', 'train'],
      ['train/Ann/2.png', 'train'],
      ['training.png', undefined],
    ])
    expect(await colours(source)).toEqual(source.pictures.map(() => [9, 9, 9]))
  })

  it('reads a zip archive, by name, in any order', async () => {
    const source = await openSource(join(golden, 'people.zip'))
    expect(source.kind).toBe('zip')
    expect(source.pictures.map(({ id }) => id)).toEqual(['photos/Ann/1.png', 'photos/Ann/2.png', 'photos/Ben/1.png'])
    expect(await colours(source, [2, 0, 1, 2])).toEqual([2, 0, 1, 2].map(colour))
    await source.close()
  })

  it('reads shards of Parquet files in the order of their rows, split by their names', async () => {
    const source = await openSource(join(golden, 'parquet'), 'celeb_id')
    expect(source.kind).toBe('parquet')
    expect(source.pictures.map(({ id, identity, split }) => [id, identity, split])).toEqual(
      Array.from({ length: 8 }, (_, i) => [
        `0000${i}.png`,
        String(100 + Math.floor(i / 2)),
        i < 5 ? 'train' : 'validation',
      ]),
    )
    expect(await colours(source)).toEqual(source.pictures.map((_, i) => colour(i)))
    expect(await colours(source, [7, 0, 4])).toEqual([7, 0, 4].map(colour))
  })

  it('names rows without paths by file and row', async () => {
    const source = await openSource(join(golden, 'unnamed.parquet'))
    expect(source.pictures.map(({ id, identity }) => [id, identity])).toEqual([
      ['unnamed.parquet/0', undefined],
      ['unnamed.parquet/1', undefined],
    ])
    expect(await colours(source)).toEqual([colour(0), colour(1)])
  })

  it.each([
    ['have no paths', 'unnamed.parquet', 2],
    ['repeat their paths', 'parquet/train-00000-of-00001.parquet', 5],
  ])('tells shards of one name apart by their folders where rows %s', async (_, shard, rows) => {
    const from = await mkdtemp(join(folder, 'converted-'))
    const places = ['default/partial-train', 'default/validation']
    for (const place of places) {
      await mkdir(join(from, place), { recursive: true })
      await cp(join(golden, shard), join(from, place, '0000.parquet'))
    }
    const source = await openSource(from)
    expect(source.pictures.map(({ id, split }) => [id, split])).toEqual(
      places.flatMap((place, p) =>
        Array.from({ length: rows }, (_, i) => [`${place}/0000.parquet/${i}`, ['train', 'validation'][p]]),
      ),
    )
    // Names that differ are enough.
    await rename(join(from, places[1]!, '0000.parquet'), join(from, places[1]!, '0001.parquet'))
    const ids = (await openSource(from)).pictures.map(({ id }) => id)
    expect([ids[0], ids[rows]]).toEqual(['0000.parquet/0', '0001.parquet/0'])
  })

  it.each([
    ['celeba/train/Ann/1.png', 'train'],
    ['photos/Val/test-1.png', 'validation'],
    ['photos/dev/test/1.png', 'validation'],
    ['photos/Dev Patel/1.png', undefined],
    ['photos/tests/training.png', undefined],
  ])('finds the split that %s names', (path, split) => {
    expect(picture(path, async () => new Uint8Array()).split).toBe(split)
  })

  it('says in a line what is wrong with what it is given', async () => {
    const refused = async (path: string, column?: string) =>
      openSource(path, column).then(
        () => 'opened',
        (error: Error) => `${error.name}: ${error.message}`,
      )
    expect(await refused(join(folder, 'nowhere'))).toMatch(/^UserError: .*found nothing at .*nowhere/)
    const broken = (name: string) => join(folder, name)
    await writeFile(broken('cut.zip'), 'PK')
    await writeFile(broken('cut.parquet'), 'PAR1PAR1')
    await writeFile(broken('photos.rar'), 'Rar!')
    expect(await refused(broken('cut.zip'))).toMatch(/^UserError: expected a whole zip archive/)
    expect(await refused(broken('cut.parquet'))).toMatch(/^UserError: expected a whole Parquet file/)
    expect(await refused(broken('photos.rar'))).toMatch(/^UserError: .*photos.rar: unpack it/)
    expect(await refused(join(golden, 'parquet'), 'celeb')).toMatch(/expected a column 'celeb' .*celeb_id/)
    const wrapped = join(folder, 'wrapped')
    await mkdir(wrapped)
    await cp(join(golden, 'people.zip'), join(wrapped, 'people.zip'))
    expect(await refused(wrapped)).toMatch(/found none, but people.zip: give that/)
  })
})
