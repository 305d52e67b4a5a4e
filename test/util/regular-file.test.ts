import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { openRegular, readRegular, readRegularText, readSecretText } from '../../src/util/regular-file.ts'

const root = mkdtempSync(join(tmpdir(), 'regular-'))
afterAll(() => rmSync(root, { recursive: true }))
const at = (name: string) => join(root, name)
const unix = process.platform !== 'win32'

test('reads a file, and one that a link leads to', async () => {
  writeFileSync(at('a'), 'Zoë')
  symlinkSync(at('a'), at('link'))
  expect(await readRegularText(at('a'))).toBe('Zoë')
  expect((await readRegular(at('link'), 4)).toString()).toBe('Zoë')
})

test('refuses a larger file than was allowed before any of it is in memory', async () => {
  writeFileSync(at('sparse'), '')
  truncateSync(at('sparse'), 2 ** 40)
  await expect(readRegular(at('sparse'), 2 ** 30)).rejects.toMatchObject({
    code: 'EFBIG',
    message: 'it has 1099511627776 bytes, more than 1073741824',
  })
})

test('refuses a folder and what is not there', async () => {
  await expect(readRegular(root, 9)).rejects.toMatchObject({ code: 'ENOTREG', message: /a folder/ })
  await expect(readRegular(at('none'), 9)).rejects.toMatchObject({ code: 'ENOENT' })
})

test.runIf(unix)('waits for no named pipe, with a writer or without', { timeout: 10_000 }, async () => {
  execFileSync('mkfifo', [at('pipe')])
  await expect(readRegular(at('pipe'), 9)).rejects.toMatchObject({ code: 'ENOTREG', message: /a named pipe/ })
})

test.runIf(unix && existsSync('/dev/zero'))('reads no device', async () => {
  for (const device of ['/dev/zero', '/dev/null', '/dev/tty'].filter(existsSync))
    await expect(openRegular(device)).rejects.toThrow(/it is a device|ENXIO/)
})

test.runIf(unix)('reads no socket', async () => {
  const server = createServer().listen(at('socket'))
  await new Promise(done => server.on('listening', done))
  await expect(readRegular(at('socket'), 9)).rejects.toThrow(/ENXIO|a socket/)
  server.close()
})

test.runIf(unix)('takes a secret from a file or through a pipe', { timeout: 20_000 }, async () => {
  writeFileSync(at('secret'), 'a passphrase')
  expect(await readSecretText(at('secret'))).toBe('a passphrase')
  const script = `import { readSecretText } from './src/util/regular-file.ts'
    console.log(await readSecretText(process.argv[2]).catch(error => error.message))`
  writeFileSync(at('read.mts'), script.replace('./src', join(process.cwd(), 'src')))
  const read = (given: string) =>
    execFileSync('bash', ['-c', `node --import tsx ${at('read.mts')} ${given}`], { encoding: 'utf8' }).trim()
  expect(read('<(sleep 0.2; echo through a pipe)')).toBe('through a pipe')
  expect(read('<(head -c 100000 /dev/zero)')).toBe('it has more than 65536 bytes')
})
