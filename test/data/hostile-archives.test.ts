/** Archives of pictures that are not what they say. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { openSource } from '../../src/data/sources/open.ts'
import { UserError } from '../../src/util/errors.ts'
import { type ArchivedPicture, zipOf } from './archives.ts'

const root = mkdtempSync(join(tmpdir(), 'hostile-archives-'))
afterAll(() => rmSync(root, { recursive: true }))

const bytes = Buffer.from('a picture, or what passes for one. '.repeat(40))
const path = 'a.png'

/** What reading the one picture of an archive says. */
async function reading(...pictures: ArchivedPicture[]): Promise<unknown> {
  const file = join(root, 'pictures.zip')
  writeFileSync(file, zipOf(pictures))
  const source = await openSource(file).catch((error: UserError) => error)
  if (source instanceof Error) return source
  try {
    return await source.pictures[0]!.read().catch((error: unknown) => error)
  } finally {
    await source.close()
  }
}

describe('a picture in a zip archive', () => {
  test.each([false, true])('is what was put in (deflated: %s)', async deflated => {
    expect(await reading({ path, bytes, deflated })).toEqual(bytes)
  })

  test.each([
    ['another checksum', { path, bytes, claims: { crc: 1 } }, /has the checksum [0-9a-f]{8}, expected 00000001/],
    ['another checksum, deflated', { path, bytes, deflated: true, claims: { crc: 1 } }, /has the checksum/],
    ['more bytes than it claims', { path, bytes, deflated: true, claims: { size: 100 } }, /goes on after 100 bytes/],
    [
      'fewer bytes than it claims',
      { path, bytes, deflated: true, claims: { size: 9999 } },
      /has 1400 bytes, expected 9999/,
    ],
    ['another size, stored', { path, bytes, claims: { size: 1399 } }, /1399/],
    [
      'more bytes than any picture',
      { path, bytes, deflated: true, claims: { size: 4e9 } },
      /has 4000000000 bytes, more than/,
    ],
    [
      'emptiness a thousand times as large',
      { path, bytes: Buffer.alloc(17 << 20), deflated: true },
      /more than 200 times as many/,
    ],
  ])('is refused for %s', async (_, picture, message) => {
    const before = process.memoryUsage().rss
    const error = await reading(picture)
    expect(error).toBeInstanceOf(UserError)
    expect((error as Error).message).toMatch(message)
    expect((error as Error).message).not.toContain('\n')
    expect(process.memoryUsage().rss - before).toBeLessThan(300e6)
  })

  test('is read once where two have one name', async () => {
    writeFileSync(
      join(root, 'twice.zip'),
      zipOf([
        { path, bytes },
        { path, bytes },
      ]),
    )
    await expect(openSource(join(root, 'twice.zip'))).rejects.toThrow(/two of its entries are called 'a\.png'/)
  })
})
