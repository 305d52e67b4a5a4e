import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve, sep } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { UserError } from '../../src/util/errors.ts'
import { joinUnlinked, joinUntrusted } from '../../src/util/safe-path.ts'

const root = mkdtempSync(join(tmpdir(), 'safe-path-'))
afterAll(() => rmSync(root, { recursive: true }))

const refused: readonly (readonly [name: string, why: RegExp])[] = [
  ['', /is empty/],
  ['.', /empty part/],
  ['..', /leads out/],
  ['a/..', /leads out/],
  ['../victim/x.jpg', /leads out/],
  ['a/../../x.jpg', /leads out/],
  ['/etc/passwd', /absolute/],
  ['//server/share', /absolute/],
  ['a//b', /empty part/],
  ['a/', /empty part/],
  ['a/./b', /empty part/],
  ['C:\\x.jpg', /backslash/],
  ['..\\x.jpg', /backslash/],
  ['\\\\server\\share', /backslash/],
  ['C:/x.jpg', /drive/],
  ['c:x.jpg', /drive/],
  ['a\0.jpg', /control/],
  ['a\n.jpg', /control/],
  ['con', /device/],
  ['a/NUL.txt', /device/],
  ['Com1.tar.gz', /device/],
  ['lpt¹', /device/],
  ['x'.repeat(256), /255 bytes/],
  ['é'.repeat(128), /255 bytes/],
]

describe('joinUntrusted', () => {
  test.each(refused)('refuses %j', (name, why) => {
    const join = () => joinUntrusted(root, name, 'run.json')
    expect(join).toThrow(UserError)
    expect(join).toThrow(why)
    expect(join).toThrow(/^run\.json names '[^\n]*$/)
  })

  test.each([
    ['a.jpg:stream', /colon/],
    ['a./b', /dot or a space/],
    ['.. /x', /dot or a space/],
    ['a ', /dot or a space/],
  ])('refuses %j on Windows', (name, why) => {
    expect(() => joinUntrusted(root, name, 'run.json', 'win32')).toThrow(why)
    expect(joinUntrusted(root, name, 'run.json', 'linux')).toBe(join(root, name))
  })

  test.each([
    'at 10:30.jpg',
    'a.jpg',
    'a/b/c.jpg',
    'Zoë 1.jpg',
    '.hidden',
    'console.jpg',
    'a..b',
    '...x',
    "o'neil/é.png",
  ])('takes %j', name => {
    expect(joinUntrusted('out', name, 'run.json', 'linux')).toBe(join('out', name))
  })

  test('leaves the folder by no name at all', () => {
    const part = fc.oneof(fc.constantFrom('..', '.', '', 'C:', '/', '\\', 'a', ' '), fc.string({ unit: 'binary' }))
    fc.assert(
      fc.property(fc.array(part), fc.constantFrom('/', '\\', ''), (parts, between) => {
        let path: string
        try {
          path = joinUntrusted(root, parts.join(between), 'x')
        } catch (error) {
          return error instanceof UserError
        }
        return resolve(path).startsWith(root + sep)
      }),
      { numRuns: 300 },
    )
  })
})

describe('joinUnlinked', () => {
  const folder = join(root, 'out')
  mkdirSync(join(folder, 'inside'), { recursive: true })
  mkdirSync(join(root, 'victim'))
  writeFileSync(join(root, 'victim', 'x.jpg'), 'precious')
  symlinkSync('../victim', join(folder, 'away'))
  symlinkSync('../victim/x.jpg', join(folder, 'x.jpg'))
  symlinkSync('inside', join(folder, 'within'))
  symlinkSync('nowhere', join(folder, 'dangling'))

  test.each(['away', 'away/x.jpg', 'away/new/y.jpg', 'x.jpg', 'dangling', 'dangling/x'])(
    'refuses the link in %j',
    async name => {
      await expect(joinUnlinked(folder, name, 'run.json')).rejects.toThrow(/leads out of .* by a link: remove the link/)
    },
  )

  test.each(['inside/x.jpg', 'within/x.jpg', 'new/folder/x.jpg'])('takes %j', async name => {
    expect(await joinUnlinked(folder, name, 'run.json')).toBe(join(folder, name))
    expect(await joinUnlinked(join(root, 'none'), name, 'run.json')).toBe(join(root, 'none', name))
  })

  test('refuses what joinUntrusted does', async () => {
    await expect(joinUnlinked(folder, '../x', 'run.json')).rejects.toThrow(/leads out of its folder/)
  })
})
