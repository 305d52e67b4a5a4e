import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, expect, test, vi } from 'vitest'
import { passphraseVariable, readPassphrase } from '../../src/cli/key-access.ts'
import { UserError } from '../../src/util/errors.ts'

const folder = mkdtempSync(join(tmpdir(), 'passphrase-'))
afterAll(() => rmSync(folder, { recursive: true }))
afterEach(() => void vi.unstubAllEnvs())

function file(text: string): string {
  writeFileSync(join(folder, 'phrase'), text)
  return join(folder, 'phrase')
}

test('the first line of the file, before the environment', async () => {
  vi.stubEnv(passphraseVariable, 'from the environment')
  expect(await readPassphrase({ passphraseFile: file(' two words \r\nmore\n') })).toBe(' two words ')
  expect(await readPassphrase({ passphraseFile: file('\uFEFFno end') })).toBe('no end')
  expect(await readPassphrase()).toBe('from the environment')
})

test('given nowhere, and no terminal to ask on: none', async () => {
  vi.stubEnv(passphraseVariable, undefined)
  expect(process.stdin.isTTY).toBeFalsy()
  expect(await readPassphrase({ ask: true })).toBeUndefined()
})

test('empty, or not there: a UserError that names the place', async () => {
  await expect(readPassphrase({ passphraseFile: file('\nsecond line\n') })).rejects.toThrow(UserError)
  await expect(readPassphrase({ passphraseFile: join(folder, 'none') })).rejects.toThrow(
    `expected a passphrase in ${join(folder, 'none')}: there is no such file`,
  )
  vi.stubEnv(passphraseVariable, '')
  await expect(readPassphrase()).rejects.toThrow(`expected a passphrase in ${passphraseVariable}, found none`)
})
