/** Prepared stores of faces of noise. */
import { createHash } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { FaceEntry } from '../../src/data/face-store.ts'
import { RandomStream } from '../../src/util/random.ts'

/** Writes a store of one face for each entry into `folder`. @returns the folder */
export async function writeStore(folder: string, entries: readonly FaceEntry[], size = 64): Promise<string> {
  await mkdir(folder, { recursive: true })
  const random = new RandomStream(1, 'pixels')
  const data = Uint8Array.from({ length: entries.length * size ** 2 * 3 }, () => random.integer(256))
  const sha256 = createHash('sha256').update(data).digest('hex')
  await writeFile(join(folder, 'faces.u8'), data)
  await writeFile(join(folder, 'index.json'), JSON.stringify({ size, sha256, entries }))
  return folder
}

/** Entries of unknown people, each an identity of its own. */
export const unknown = (count: number): FaceEntry[] =>
  Array.from({ length: count }, (_, i) => ({ id: `${i}`, identity: `${i}` }))
