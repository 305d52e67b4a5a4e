import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { asUserError, UserError } from '../../src/util/errors.ts'

test('a message is one line without control characters, whatever of a file it quotes', () => {
  expect(new UserError('a\n  b\r\nc\u001b[2Jd\u2028e').message).toBe('a b c [2Jd e')
})

test("of the system's errors, those that a person can put right are mistakes", () => {
  const folder = mkdtempSync(join(tmpdir(), 'errors-'))
  symlinkSync('loop', join(folder, 'loop'))
  const thrown = (path: string) => {
    try {
      return readFileSync(path)
    } catch (error) {
      return error
    }
  }
  const loop = asUserError(thrown(join(folder, 'loop'))) as Error
  expect(loop).toBeInstanceOf(UserError)
  expect(loop.message).toBe(`${join(folder, 'loop')}: its links lead in a circle: name the file itself`)
  expect(asUserError(Object.assign(new Error('write'), { code: 'ENOSPC' }))).toEqual(
    new UserError('the disk is full: make room'),
  )
  for (const other of [thrown(join(folder, 'none')), new TypeError('x'), 'text', undefined])
    expect(asUserError(other)).toBe(other)
  rmSync(folder, { recursive: true })
})
