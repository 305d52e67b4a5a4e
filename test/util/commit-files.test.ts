import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { commitFiles, finishCommits, finishCommitsOf } from '../../src/util/commit-files.ts'
import { UserError } from '../../src/util/errors.ts'
import { fillDisk, onSmallDisk } from '../fuzz/full-disk.ts'
import { killWrites } from '../fuzz/kills.ts'

/** Counts renames and syncs; the one that is next is the last thing that the process does. */
const dying = vi.hoisted(() => ({ left: Number.POSITIVE_INFINITY }))
vi.mock('node:fs/promises', async load => {
  const real = await load<typeof import('node:fs/promises')>()
  const dies =
    <A extends unknown[], R>(act: (...args: A) => Promise<R>) =>
    async (...args: A) => {
      if (dying.left-- <= 0) throw Object.assign(new Error('no room'), { code: 'ENOSPC' })
      return act(...args)
    }
  return { ...real, rename: dies(real.rename), unlink: dies(real.unlink) }
})

const base = mkdtempSync(join(tmpdir(), 'commit-'))
afterAll(() => rmSync(base, { recursive: true }))

let root: string
beforeEach(() => {
  root = mkdtempSync(join(base, 'case-'))
})
const names = ['a.png', 'a.png.dpkey', 'sub/b.png', 'run.json']
const commit = (text: string) =>
  commitFiles(
    root,
    names.map(name => ({
      path: join(root, name),
      data: `${name} ${text}`,
      ...(name === 'a.png.dpkey' && { mode: 0o600 }),
    })),
  )
const texts = () =>
  names.map(name => (existsSync(join(root, name)) ? readFileSync(join(root, name), 'utf8') : undefined))
const all = (text: string) => names.map(name => `${name} ${text}`)
const listed = () => readdirSync(root, { recursive: true }).map(String).sort()

test('files come together into the places of earlier ones, and leave nothing else', async () => {
  await commit('one')
  await commit('two')
  expect(texts()).toEqual(all('two'))
  expect(listed()).toEqual([...names, 'sub'].sort())
  expect(statSync(join(root, 'a.png.dpkey')).mode & 0o777).toBe(0o600)
})

test('ended after any of its steps, it is all old or all new for those who look next', async () => {
  const states = new Set<string>()
  for (let steps = 0; steps < 9; steps++) {
    await commit('old')
    dying.left = steps
    await commit('new').catch(error => expect(error).toBeInstanceOf(UserError))
    dying.left = Number.POSITIVE_INFINITY
    await finishCommits(root)
    const [state] = texts()[0]!.split(' ').slice(-1) as [string]
    states.add(state)
    expect(texts(), `after ${steps} steps`).toEqual(all(state))
  }
  expect(states).toEqual(new Set(['old', 'new']))
})

test('who looks for a file in a folder finishes what was committed above it', async () => {
  await commit('old')
  dying.left = 2
  await commit('new').catch(() => {})
  dying.left = Number.POSITIVE_INFINITY
  await finishCommitsOf(join(root, 'sub', 'b.png'))
  expect(texts()).toEqual(all('new'))
})

test('what cannot be written changes nothing', async () => {
  await commit('old')
  const before = listed()
  mkdirSync(join(root, 'taken'))
  const files = [...names, 'taken'].map(name => ({ path: join(root, name), data: 'new' }))
  await expect(commitFiles(root, files)).rejects.toThrow(/cannot write .*taken: it is a folder/)
  expect(texts()).toEqual(all('old'))
  expect(listed()).toEqual([...before, 'taken'].sort())
})

test('names may be as strange as the system allows', async () => {
  const strange = ['a: b.png', 'c\\d.png', 'line\nend.png', 'con', ' x ', 'é'.repeat(100)]
  await commitFiles(
    root,
    strange.map(name => ({ path: join(root, name), data: name })),
  )
  expect(readdirSync(root).sort()).toEqual([...strange].sort())
})

describe('a journal that is somebody else’s', () => {
  const journal = (text: string) => writeFileSync(join(root, '.commit.0123456789ab.json'), text)
  const move = (from: string, to: string) => journal(JSON.stringify({ files: [{ from, to }] }))

  test.each([
    ['no JSON', () => journal('{"files":[')],
    ['another shape', () => journal('{"files":[{"from":1}]}')],
    ['a file that is no temporary one', () => move('mine.txt', 'a.png')],
    ['a temporary file of another name', () => move('.b.png.0123456789ab.tmp', 'a.png')],
    ['a place outside', () => move('.x.0123456789ab.tmp', '../victim/x')],
    ['a source outside', () => move('../victim/.x.0123456789ab.tmp', 'x')],
    ['an absolute place', () => move('.x.0123456789ab.tmp', join(base, 'victim/x'))],
    ['a place behind a link', () => move('link/.x.0123456789ab.tmp', 'link/x')],
  ])('is refused for %s', async (_, make) => {
    const victim = join(root, '../victim')
    mkdirSync(victim, { recursive: true })
    writeFileSync(join(victim, '.x.0123456789ab.tmp'), 'theirs')
    writeFileSync(join(root, '.x.0123456789ab.tmp'), 'theirs')
    writeFileSync(join(root, '.b.png.0123456789ab.tmp'), 'theirs')
    writeFileSync(join(root, 'mine.txt'), 'mine')
    symlinkSync(victim, join(root, 'link'))
    make()
    await expect(finishCommits(root)).rejects.toThrow(UserError)
    expect(readdirSync(victim)).toEqual(['.x.0123456789ab.tmp'])
    expect([existsSync(join(root, 'a.png')), existsSync(join(root, 'x'))]).toEqual([false, false])
    expect(readFileSync(join(root, 'mine.txt'), 'utf8')).toBe('mine')
  })
})

test('killed at random while it writes, a picture and its key are whole and of one version', {
  timeout: 120_000,
}, async () => {
  const { kills, lost, halfWritten, problems } = await killWrites(root, 2)
  expect({ kills, lost, halfWritten, problems }).toEqual({ kills: 2, lost: 0, halfWritten: 0, problems: [] })
})

test('on a disk that is full at any write, what was finished stays', async ({ skip }) => {
  const found = await onSmallDisk(join(root, 'disk'), () => fillDisk(join(root, 'disk')))
  if (!found) return skip('mounting a small disk takes Linux and root')
  expect(found.problems).toEqual([])
  // Some had no room for the first file, some for all.
  expect(found.refused).toBeGreaterThan(1)
  expect(found.tries - found.refused).toBeGreaterThan(1)
})
