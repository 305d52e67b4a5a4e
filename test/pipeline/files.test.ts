import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { writeKeys } from '../../src/keys/files.ts'
import { type FaceKey, pictureHash } from '../../src/keys/key.ts'
import {
  checkOutputs,
  extensionFor,
  findPictures,
  isProtected,
  protectedPaths,
  recoveredPath,
} from '../../src/pipeline/files.ts'
import { writeProtected } from '../../src/pipeline/protect-file.ts'
import { readProtected } from '../../src/pipeline/recover-file.ts'
import { UserError } from '../../src/util/errors.ts'

/** Files that the disk has no room for. */
const noRoom = vi.hoisted(() => new Set<string>())
vi.mock('../../src/util/atomic-write.ts', async load => {
  const real = await load<typeof import('../../src/util/atomic-write.ts')>()
  const writeTemporary: typeof real.writeTemporary = async (path, ...rest) => {
    if (noRoom.has(path)) throw new UserError(`cannot write ${path}: the disk is full`)
    return real.writeTemporary(path, ...rest)
  }
  return { ...real, writeTemporary }
})

const base = mkdtempSync(join(tmpdir(), 'files-'))
afterAll(() => rmSync(base, { recursive: true }))

let root: string
beforeEach(() => {
  root = mkdtempSync(join(base, 'case-'))
})
const at = (...names: string[]) => join(root, ...names)

/** Makes files, with the folders they are in. */
function make(...names: string[]) {
  for (const name of names) {
    mkdirSync(join(at(name), '..'), { recursive: true })
    writeFileSync(at(name), name)
  }
}

describe('findPictures', () => {
  test('takes pictures of a folder by extension, below it too, in order', async () => {
    make('b.JPG', 'a.png', 'notes.txt', '.hidden.png', 'trip/one/c.webp', 'trip/d.tiff', 'a.png.dpkey')
    expect(await findPictures([root])).toEqual([
      { path: at('a.png'), folder: '' },
      { path: at('b.JPG'), folder: '' },
      { path: at('trip/d.tiff'), folder: 'trip' },
      { path: at('trip/one/c.webp'), folder: 'trip/one' },
    ])
  })

  test('takes each picture once, and one that is named whatever it is called', async () => {
    make('a.png', 'raw')
    symlinkSync(at('a.png'), at('z.png'))
    expect(await findPictures([at('raw'), root, at('a.png')])).toEqual([
      { path: at('raw'), folder: '' },
      { path: at('a.png'), folder: '' },
    ])
  })

  test('leaves the results of an earlier run alone', async () => {
    make('a.png', 'protected/a.anonymized.png', 'b.png', 'b.png.dpkey', 'c.hidden-2.jpg')
    const found = await findPictures([root], {
      leaveOut: path => (isProtected(path) ? 'protected' : undefined),
      skip: at('protected'),
    })
    expect(found.map(({ path }) => path)).toEqual([at('a.png')])
    // A folder that is named itself is meant.
    expect(await findPictures([at('protected')], { skip: at('protected') })).toHaveLength(1)
  })

  test('refuses what is not there, and a folder without pictures', async () => {
    await expect(findPictures([at('none.png')])).rejects.toThrow(/expected a picture or a folder at .*none\.png/)
    make('notes.txt')
    await expect(findPictures([root])).rejects.toThrow(/expected pictures in .*, found none/)
  })
})

test('names of results', () => {
  const file = { path: 'photos/trip/Me.v2.JPEG', folder: 'trip' }
  const [anonymize, hide] = [{ task: 'anonymize', samples: 1 } as const, { task: 'hide', samples: 2 } as const]
  expect(protectedPaths(file, anonymize, { out: 'o' })).toEqual(['o/trip/Me.v2.anonymized.JPEG'])
  expect(protectedPaths(file, hide, { out: 'o', format: 'png' })).toEqual([
    'o/trip/Me.v2.hidden-1.png',
    'o/trip/Me.v2.hidden-2.png',
  ])
  expect(recoveredPath({ path: 'p/Me.hidden-1.webp', folder: '' }, 'o')).toBe('o/Me.hidden-1.recovered.webp')
  expect(['a.gif', 'a.tiff', 'a'].map(path => extensionFor(path))).toEqual(['.png', '.png', '.png'])
})

describe('checkOutputs', () => {
  const file = (name: string) => ({ path: at(name), folder: '' })

  test('refuses to overwrite an input, by whatever name', async () => {
    make('a.png', 'b.png')
    linkSync(at('a.png'), at('linked.png'))
    for (const output of [at('a.png'), at('sub/../a.png'), at('linked.png')])
      await expect(checkOutputs([file('b.png'), file('a.png')], [[output], []])).rejects.toThrow(
        /would take the place of the input .*a\.png/,
      )
  })

  test('refuses two results of one name', async () => {
    make('a.png', 'a.jpg')
    const outputs = [[at('out/a.png')], [at('out/a.png')]]
    await expect(checkOutputs([file('a.png'), file('a.jpg')], outputs)).rejects.toThrow(/would both become/)
  })

  test('refuses a folder that there cannot be, and makes none', async () => {
    make('a.png')
    await expect(checkOutputs([file('a.png')], [[at('a.png/out/a.png')]])).rejects.toThrow(/found a file: choose/)
    await checkOutputs([file('a.png')], [[at('new/folder/a.png')]])
    await expect(findPictures([at('new')])).rejects.toThrow(UserError)
  })
})

const key: FaceKey = {
  picture: pictureHash(Buffer.from('a.anonymized.png')),
  face: 0,
  transform: { a: 1, b: 0, tx: 0, ty: 0 },
  model: { name: 'tiny', sha256: '' },
  recipe: { steps: 2 },
  shapes: { embeddings: [10, 2], latent: [2, 2, 1] },
  embeddings: new Float32Array(20),
  latent: new Float32Array(4),
}

test('where a picture or its key cannot be written over, both stay as they were', async () => {
  const path = at('a.anonymized.png')
  const photo = (level: number) => ({ width: 1, height: 1, data: new Uint8Array(3).fill(level) })
  const write = (level: number) => writeProtected({ faces: [{ key }], photos: [photo(level)] }, [path])
  await write(1)
  await write(2)
  expect((await readProtected(path)).keys).toHaveLength(1)
  const both = () => [path, `${path}.dpkey`].map(file => readFileSync(file).toString('base64'))
  const before = both()
  for (const full of [path, `${path}.dpkey`]) {
    noRoom.add(full)
    await expect(write(3)).rejects.toThrow(/the disk is full/)
    noRoom.delete(full)
    expect(both()).toEqual(before)
    expect(readdirSync(root)).toHaveLength(2)
  }
})

test('a protected picture is read with its key, or refused by name', async () => {
  make('a.anonymized.png')
  const path = at('a.anonymized.png')
  await expect(readProtected(path)).rejects.toThrow(/expected a key file at .*\.dpkey/)
  await writeKeys(`${path}.dpkey`, [key])
  expect((await readProtected(path)).keys).toEqual([key])
  await writeKeys(at('other.dpkey'), [{ ...key, picture: '0'.repeat(64) }])
  await expect(readProtected(path, { key: at('other.dpkey') })).rejects.toMatchObject({ problem: 'another picture' })
  await expect(readProtected(at('none.png'))).rejects.toThrow(/expected a protected picture at/)
})
