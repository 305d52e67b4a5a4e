import { spawnSync } from 'node:child_process'
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { outputPath } from '../../src/pipeline/files.ts'
import { distinctNames, surveyInputs } from '../../src/pipeline/survey.ts'
import { entryLines } from '../../src/report/protect-summary.ts'

/** Folders that cannot be read: whoever runs the tests as root can read all. */
const locked = vi.hoisted(() => new Set<string>())
vi.mock('node:fs/promises', async load => {
  const real = await load<typeof import('node:fs/promises')>()
  const readdir = async (path: string, options: never) => {
    if (locked.has(path)) throw Object.assign(new Error('denied'), { code: 'EACCES' })
    return real.readdir(path, options)
  }
  return { ...real, readdir, default: { ...real, readdir } }
})

const base = mkdtempSync(join(tmpdir(), 'survey-'))
afterAll(() => rmSync(base, { recursive: true }))
let root: string
beforeEach(() => {
  root = mkdtempSync(join(base, 'case-'))
  locked.clear()
})
const at = (...names: string[]) => join(root, ...names)
const jpeg = Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 16])
function make(name: string, content: string | Buffer = name) {
  mkdirSync(join(at(name), '..'), { recursive: true })
  writeFileSync(at(name), content)
}

/** Entries as anybody would count them: a folder that is not looked into is one. */
function count(folder: string, isOpen: (path: string) => boolean): number {
  return readdirSync(folder, { withFileTypes: true }).reduce((sum, { name }) => {
    const path = join(folder, name)
    return sum + (lstatSync(path).isDirectory() && isOpen(path) ? count(path, isOpen) : 1)
  }, 0)
}

test('every entry of a folder is a picture, or refused or left out with its reason, and nothing stops the others', async () => {
  for (const name of ['a.jpg', 'b.HEIC', 'c.jfif', 'd.avif', 'e.bmp', 'f.jxl', 'sub/g.jpe', 'notes.txt', 'x.dng'])
    make(name)
  make('no extension', jpeg)
  make('clip.mov', Buffer.from('\0\0\0\x18ftypqt  '))
  make('.hidden.jpg')
  make('.thumbnails/h.jpg')
  make('locked/i.jpg')
  make('out/a.anonymized.jpg')
  make('mine.anonymized.jpg')
  make('a.jpg.dpkey')
  symlinkSync(at('gone.jpg'), at('broken.jpg'))
  symlinkSync(at('loop'), at('loop'))
  symlinkSync(root, at('sub', 'up'))
  symlinkSync(at('a.jpg'), at('twin.jpg'))
  expect(spawnSync('mkfifo', [at('pipe.jpg')]).status).toBe(0)
  locked.add(at('locked'))

  const { pictures, others } = await surveyInputs([root], {
    skip: at('out'),
    leaveOut: path => (path.includes('.anonymized.') ? 'protected already' : undefined),
  })
  const found = ['a.jpg', 'b.HEIC', 'c.jfif', 'd.avif', 'e.bmp', 'f.jxl', 'no extension', 'sub/g.jpe']
  expect(pictures.map(({ path }) => path)).toEqual(found.map(name => at(name)))
  const reasons = Object.fromEntries(
    others.map(({ path, reason, refused }) => [path.slice(root.length + 1), `${refused ? '!' : ''}${reason}`]),
  )
  expect(reasons).toEqual({
    '.hidden.jpg': 'hidden',
    '.thumbnails': 'hidden',
    'a.jpg.dpkey': 'a key',
    'broken.jpg': '!a link or file that leads nowhere: there is none',
    'clip.mov': 'a video',
    locked: '!a folder that cannot be read: no permission',
    loop: '!a link or file that leads nowhere: links that lead to each other',
    'mine.anonymized.jpg': 'protected already',
    'notes.txt': 'no picture',
    out: 'the folder of the results',
    'pipe.jpg': 'not a regular file',
    'sub/up': `the same folder as ${root}`,
    'twin.jpg': `the same file as ${at('a.jpg')}`,
    'x.dng': "!a camera's raw file: export it as JPEG or TIFF",
  })
  const closed = new Set(['locked', 'out', '.thumbnails'].map(name => at(name)))
  expect(pictures.length + others.length).toBe(count(root, path => !closed.has(path)))
})

test('linked folders are searched, once', async () => {
  make('elsewhere/a.jpg')
  make('here/b.jpg')
  symlinkSync(at('elsewhere'), at('here', 'one'))
  symlinkSync(at('elsewhere'), at('here', 'two'))
  const { pictures, others } = await surveyInputs([at('here')])
  expect(pictures).toEqual([
    { path: at('here/b.jpg'), folder: '' },
    { path: at('here/one/a.jpg'), folder: 'one' },
  ])
  expect(others).toEqual([{ path: at('here/two'), reason: `the same folder as ${at('here/one')}`, refused: false }])
})

test('of several inputs one that is not there is refused, and the others are found', async () => {
  make('a.jpg')
  const { pictures, others } = await surveyInputs([at('none.jpg'), at('a.jpg')])
  expect(pictures).toEqual([{ path: at('a.jpg'), folder: '' }])
  expect(others).toEqual([{ path: at('none.jpg'), reason: 'there is none', refused: true }])
})

describe('names of results', () => {
  const named = (...names: string[]) => {
    const files = names.map(path => ({ path, folder: '' }))
    const outputs = (file: (typeof files)[number]) => [outputPath(file, 'o', 'anonymized', '.png')]
    return distinctNames(files, outputs).map(file => outputs(file)[0])
  }

  test('stay apart: who keeps the extension keeps the name', () => {
    expect(named('two.gif', 'two.png', 'one.gif')).toEqual([
      'o/two.gif.anonymized.png',
      'o/two.anonymized.png',
      'o/one.anonymized.png',
    ])
  })

  test('stay apart whatever the names are', () => {
    const all = named('a.png', 'b/a.png', 'c/a.png', 'A.PNG', 'a.png.gif', 'a.gif')
    expect(new Set(all.map(path => path!.toLowerCase())).size).toBe(6)
    expect(all[0]).toBe('o/a.anonymized.png')
  })
})

test('the counts add up, and many names of one reason are cut short', () => {
  const leftOut = Array.from({ length: 9 }, (_, i) => ({ path: `${i}.txt`, reason: 'no picture' }))
  expect(entryLines({ done: 2, refused: 1 }, [...leftOut, { path: '.a', reason: 'hidden' }])).toEqual([
    '13 entries: 2 done, 1 refused, 10 left out',
    '  left out, no picture: 0.txt, 1.txt, 2.txt, 3.txt, 4.txt, 5.txt and 3 more',
    '  left out, hidden: .a',
  ])
})
