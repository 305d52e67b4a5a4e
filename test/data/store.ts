/** Prepared stores of faces that a test makes up. */
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { FaceEntry } from '../../src/data/face-store.ts'

/** Writes a store of the faces in `bytes`, [entries, size, size, 3], with its checksum. */
export function makeStoreOf(folder: string, size: number, bytes: Uint8Array, entries: readonly FaceEntry[]): void {
  mkdirSync(folder, { recursive: true })
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  writeFileSync(join(folder, 'faces.u8'), bytes)
  writeFileSync(join(folder, 'index.json'), JSON.stringify({ size, sha256, entries }))
}
