/** Key files: one beside each protected picture. */
import { writeFileAtomic } from '../util/atomic-write.ts'
import { UserError } from '../util/errors.ts'
import { readRegular } from '../util/regular-file.ts'
import type { Decryption } from './age.ts'
import type { FaceKey, PhotoKey } from './key.ts'
import { type KeyOptions, keyBytes, parseKey } from './key-file.ts'

/** Far above any key's, also one with the whole original of the largest picture. */
const mostKeyBytes = 1 << 30

/**
 * Writes the key of a picture, whole or not at all, readable to the owner alone.
 * @throws UserError when the file cannot be written
 */
export async function writeKey(path: string, key: PhotoKey, options?: KeyOptions): Promise<void> {
  await writeFileAtomic(path, await keyBytes(key, options), { mode: 0o600 })
}

/** @see writeKey, of faces alone */
export function writeKeys(path: string, faces: readonly FaceKey[], options?: KeyOptions): Promise<void> {
  return writeKey(path, { picture: faces[0]?.picture ?? '', faces }, options)
}

/**
 * Reads the key of a picture, also one of version 0.1.
 * @throws KeyError, its `problem` saying which; UserError when there is no file
 */
export async function readKey(path: string, decryption: Decryption = {}): Promise<PhotoKey> {
  const file = await readRegular(path, mostKeyBytes).catch((error: NodeJS.ErrnoException) => {
    throw new UserError(
      `expected a key file at ${path}: ${error.code === 'ENOENT' ? 'there is no such file' : error.message}`,
    )
  })
  return parseKey(file, path, decryption)
}

/** @see readKey, of the faces alone */
export async function readKeys(path: string, decryption?: Decryption): Promise<readonly FaceKey[]> {
  return (await readKey(path, decryption)).faces
}
