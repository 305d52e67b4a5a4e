import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { encodeImage } from '../../src/images/codec.ts'
import { photoBytes, refuseLargePhoto } from '../../src/plan/photos.ts'

const folder = mkdtempSync(join(tmpdir(), 'photos-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('a photo is refused by its header where it does not fit beside the networks', async () => {
  const size = { width: 400, height: 300 }
  const path = join(folder, 'a.png')
  writeFileSync(path, await encodeImage({ ...size, data: new Uint8Array(3 * 400 * 300) }, 'png'))
  const own = photoBytes(size)
  expect(own).toBeGreaterThan(3 * 400 * 300)
  await refuseLargePhoto(path, { networkBytes: 1e9, memory: 1e9 + own })
  await expect(refuseLargePhoto(path, { networkBytes: 1e9, memory: 1e9 + own - 1 })).rejects.toThrow(
    /expected a photo that fits into this machine's 1\.0 GB of memory, found 400 x 300 pixels in .*a\.png, .*: take a smaller photo/,
  )
  await expect(refuseLargePhoto(path, { networkBytes: 1e9, atOnce: 2, memory: 1e9 + 2 * own - 1 })).rejects.toThrow(
    /2 photos are worked on at once: take fewer --jobs/,
  )
})

test('what is no picture is left to its reader', async () => {
  writeFileSync(join(folder, 'b.png'), 'none')
  await refuseLargePhoto(join(folder, 'b.png'), { memory: 0 })
  await expect(refuseLargePhoto(join(folder, 'none.png'), { memory: 0 })).rejects.toThrow(/no such file/)
})
