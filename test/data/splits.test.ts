import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadManifest, manifestNames, manifestSchema } from '../../src/data/manifest.ts'
import type { SourcePicture } from '../../src/data/sources/source.ts'
import {
  celebaIdentities,
  heldOut,
  identitiesKnown,
  identityFile,
  mappingFile,
  placePictures,
  splitOf,
  unknownPeople,
} from '../../src/data/splits.ts'
import { RandomStream } from '../../src/util/random.ts'

const picture = (id: string, more: Partial<SourcePicture> = {}): SourcePicture => ({
  id,
  read: async () => new Uint8Array(),
  ...more,
})

const names = await manifestNames()

const unnamed = { name: '', title: '', licence: '' }

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'splits-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** CelebA's files for 600 pictures of 150 people: picture i of CelebA-HQ is picture 3 i + 1 of CelebA. */
async function celebaFiles(): Promise<{ path: string; personOf: (index: number) => number }> {
  const path = await mkdtemp(join(folder, 'celeba-'))
  const random = new RandomStream(1, 'people')
  const people = Array.from({ length: 600 }, () => 1 + random.integer(150))
  const original = (i: number) => `${String(3 * i + 1).padStart(6, '0')}.jpg`
  const rows = people.map((_, i) => `${i}       ${3 * i}       ${original(i)}`)
  await writeFile(join(path, mappingFile), `idx    orig_idx    orig_file\n${rows.join('\n')}\n`)
  await writeFile(join(path, identityFile), `${people.map((person, i) => `${original(i)} ${person}`).join('\n')}\n`)
  return { path, personOf: i => people[i]! }
}

describe('nobody is in two parts', () => {
  it.each(names)('of %s', async name => {
    const manifest = await loadManifest(name)
    const { path, personOf } = await celebaFiles()
    const known = manifest.identities === 'celeba-hq' ? await celebaIdentities(path) : undefined
    // Names that serve every kind of data set: a folder for a person, numbers of CelebA-HQ.
    const pictures = Array.from({ length: 600 }, (_, i) => picture(`person ${personOf(i)}/${i}.jpg`))
    const placed = placePictures(manifest, pictures, known)
    const parts = new Map<string, Set<string>>()
    for (const { identity, split } of placed) parts.set(identity, (parts.get(identity) ?? new Set()).add(split))
    for (const [identity, splits] of parts) expect([identity, ...splits]).toHaveLength(2)
    const isKnown = identitiesKnown(manifest, pictures, known)
    expect(parts.size).toBe(isKnown ? new Set(pictures.map((_, i) => personOf(i))).size : pictures.length)
    const test = placed.filter(({ split }) => split === 'test').length / placed.length
    expect(Math.abs(test - manifest.heldOutTenths / 10)).toBeLessThan(0.1)
  })

  it.each(['celeba-hq', 'unknown'] as const)('of %s where nobody knows who is who', identities => {
    const manifest = manifestSchema.parse({ ...unnamed, identities, heldOutTenths: 5, identityColumn: 'who' })
    const pictures = Array.from({ length: 50 }, (_, i) => picture(`${i}.jpg`))
    // A picture whose column is empty may show anybody.
    const partly = [...pictures, picture('50.jpg', { identity: 'Ann' })]
    for (const some of [pictures, partly]) {
      const placed = placePictures(manifest, some)
      expect(new Set(placed.map(({ identity }) => identity)).size).toBe(some.length)
      expect(new Set(placed.map(({ split }) => split))).toEqual(new Set(['train']))
    }
    const source = pictures.map((picture, i) => ({ ...picture, split: i < 25 ? 'train' : 'test' }))
    const kept = placePictures({ ...manifest, split: 'source' }, source)
    expect(kept.map(({ split }) => split)).toEqual(source.map(({ split }) => split))
  })

  it('even where the source says who is where', () => {
    const manifest = manifestSchema.parse({ ...unnamed, identities: 'unknown', split: 'source' })
    const pictures = [
      picture('1.png', { identity: 'Ann', split: 'train' }),
      picture('2.png', { identity: 'Ben', split: 'test' }),
      picture('3.png', { identity: 'Ann', split: 'train' }),
    ]
    expect(placePictures(manifest, pictures).map(({ split }) => split)).toEqual(['train', 'test', 'train'])
    const leak = [...pictures, picture('4.png', { identity: 'Ann', split: 'test' })]
    expect(() => placePictures(manifest, leak)).toThrow(/found Ann in train and in test \(4.png\)/)
    expect(() => placePictures(manifest, [picture('5.png')])).toThrow(/expected 5.png to be below train/)
  })
})

describe('the split by a hash', () => {
  it('holds out whom it always held out, about as many as the manifest says', async () => {
    const lfw = await loadManifest('lfw')
    const splits = Array.from({ length: 2000 }, (_, i) => splitOf(lfw, `person ${i}`))
    const share = splits.filter(split => split === 'test').length / splits.length
    expect(share).toBeGreaterThan(0.27)
    expect(share).toBeLessThan(0.33)
    // sha256 of the names, first eight digits modulo ten: 0 and 9.
    expect(['Aaron_Peirsol', 'AJ_Cook'].map(name => splitOf(lfw, name))).toEqual(['test', 'train'])
  })

  it('holds nobody out unless asked', async () => {
    expect(splitOf(await loadManifest('utkface'), 'anybody')).toBe('train')
  })
})

describe('who is held out', () => {
  const heldOutOf = (manifest: object) => heldOut(manifestSchema.parse({ ...unnamed, ...manifest }))

  it('is said of a manifest', () => {
    expect(heldOutOf({ identities: 'folder', heldOutTenths: 3 })).toBe('3 tenths of them held out for tests')
    expect(heldOutOf({ identities: 'celeba-hq', heldOutTenths: 2 })).toBe(
      '2 tenths of them held out for tests, where it is known who is who',
    )
    expect(heldOutOf({ identities: 'unknown' })).toBe('nobody held out for tests')
    expect(heldOutOf({ identities: 'folder', split: 'source' })).toBe('held out for tests as the source says')
  })

  it('is said of people whom nobody knows, and what would change it', () => {
    expect(unknownPeople(['train'], 'celeba-hq')).toMatch(
      /nobody is held out .* needs is CelebA-HQ-to-CelebA-mapping.txt and identity_CelebA.txt, .* --identities/,
    )
    for (const identities of ['unknown', undefined] as const)
      expect(unknownPeople(['train'], identities)).toMatch(/nobody is held out .* a manifest that says who is who/)
    expect(unknownPeople(['train', 'validation'])).toMatch(/photos of one person can be in more than one split$/)
  })
})

describe("a person's folder", () => {
  it('is no Parquet file', () => {
    const manifest = manifestSchema.parse({ ...unnamed, identities: 'folder' })
    expect(placePictures(manifest, [picture('photos/Ann/1.jpg')])[0]!.identity).toBe('Ann')
    for (const id of ['1.jpg', 'train/0000.parquet/1'])
      expect(() => placePictures(manifest, [picture(id)])).toThrow(/a folder for each person, found .*'identityColumn'/)
  })
})

describe("CelebA's identities", () => {
  it('are found by the number of a picture in CelebA-HQ, however it is written', async () => {
    const { path, personOf } = await celebaFiles()
    const known = (await celebaIdentities(path))!
    for (const id of ['17.jpg', 'CelebA-HQ-img/00017.png', 'img00017.webp'])
      expect(known(id)).toBe(`celeba-${personOf(17)}`)
    // A row of a Parquet file without paths: 17 is no number of CelebA-HQ.
    for (const id of ['train-00000-of-00012.parquet/17', 'holiday.jpg', '600.jpg'])
      expect(() => known(id)).toThrow(/named by their numbers in CelebA-HQ/)
  })

  it('are unknown where neither file is, and asked for where one is', async () => {
    const { path } = await celebaFiles()
    expect(await celebaIdentities(folder)).toBeUndefined()
    await rm(join(path, identityFile))
    await expect(celebaIdentities(path)).rejects.toThrow(/expected identity_CelebA.txt beside CelebA-HQ-to-CelebA/)
    await writeFile(join(path, identityFile), '000001.jpg,1\n')
    await expect(celebaIdentities(path)).rejects.toThrow(/expected line 1 to be like/)
  })
})
