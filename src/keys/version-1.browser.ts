/** Keys of version 0.1 are known by browsers, and read by the command line alone. @see version-1.ts */
import type { Decryption } from './age.ts'
import type { PhotoKey } from './key.ts'
import { KeyError } from './key.ts'

export function isVersion1(file: Uint8Array): boolean {
  return String.fromCharCode(...file.subarray(0, 5)) === 'DPKEY'
}

export async function decodeVersion1(_file: Uint8Array, name: string, _decryption: Decryption): Promise<PhotoKey> {
  throw new KeyError(
    'not a key file',
    `${name}: expected a key of version 0.2 or newer, found one of 0.1: recover with the command line`,
  )
}
