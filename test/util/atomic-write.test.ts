import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { writeFileAtomic, writeJsonAtomic } from '../../src/util/atomic-write.ts'
import { UserError } from '../../src/util/errors.ts'

const folder = mkdtempSync(join(tmpdir(), 'atomic-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('writes bytes, text and JSON, in the place of what was there, and leaves nothing else', async () => {
  const path = join(folder, 'file')
  writeFileSync(path, 'something longer than what follows')
  await writeFileAtomic(path, Uint8Array.of(1, 2, 3))
  expect([...readFileSync(path)]).toEqual([1, 2, 3])
  await writeJsonAtomic(path, { a: [1] })
  expect(readFileSync(path, 'utf8')).toBe('{\n  "a": [\n    1\n  ]\n}\n')
  expect(readdirSync(folder)).toEqual(['file'])
})

test('mode holds whatever the umask', async () => {
  const umask = process.umask(0o777)
  try {
    await writeFileAtomic(join(folder, 'secret'), 'x', { mode: 0o600 })
  } finally {
    process.umask(umask)
  }
  expect(statSync(join(folder, 'secret')).mode & 0o777).toBe(0o600)
})

test('an unwritable path: a UserError that names it and says why, and nothing half-written', async () => {
  mkdirSync(join(folder, 'taken'))
  writeFileSync(join(folder, 'plain'), 'kept')
  const before = readdirSync(folder)
  const cases = [
    ['none/file', 'there is no folder'],
    ['plain/file', 'is not a folder'],
    ['taken', 'it is a folder'],
  ] as const
  for (const [name, why] of cases) {
    const writing = writeFileAtomic(join(folder, name), 'x')
    await expect(writing).rejects.toThrow(UserError)
    await expect(writing).rejects.toThrow(`cannot write ${join(folder, name)}: `)
    await expect(writing).rejects.toThrow(why)
  }
  expect(readdirSync(folder)).toEqual(before)
  expect(readFileSync(join(folder, 'plain'), 'utf8')).toBe('kept')
})

test('a process that ends in the middle of a write leaves nothing', () => {
  const inner = mkdtempSync(join(folder, 'ended-'))
  const script = `
    import { register } from 'tsx/esm/api'
    register()
    const { readdirSync } = await import('node:fs')
    const { writeFileAtomic } = await import(${JSON.stringify(pathToFileURL(resolve('src/util/atomic-write.ts')).href)})
    writeFileAtomic(${JSON.stringify(join(inner, 'large'))}, Buffer.alloc(2 ** 27))
    const wait = () => {
      const [name] = readdirSync(${JSON.stringify(inner)})
      if (name?.endsWith('.tmp')) {
        process.stdout.write(name)
        process.exit(130)
      }
      setTimeout(wait, 1)
    }
    wait()`
  const { status, stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
  expect({ status, stdout }).toEqual({ status: 130, stdout: expect.stringMatching(/^\.large\..*\.tmp$/) })
  expect(readdirSync(inner)).toEqual([])
})
