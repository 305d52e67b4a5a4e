/** A key as the bytes of its file, encrypted or not. */

import { decodeVersion1, isVersion1 } from '#version-1'
import { type Decryption, decrypt, type Encryption, encrypt, isAge, isEncrypting } from './age.ts'
import type { KeyPrecision, PhotoKey } from './key.ts'
import { KeyError } from './key.ts'
import { decodeKey, encodeKey } from './key-file.ts'

export interface KeyOptions extends Encryption {
  /**
   * float32 by default. float16 halves the numbers: it rounds each by at most 2^-11 of itself, so z_T, of variance
   * 1, by about 2e-4 (74 dB below it), far less than the error that inversion and the autoencoder leave (25 to 35 dB).
   */
  precision?: KeyPrecision
}

/** The bytes of a key's file: encrypted where there is anyone to encrypt for, else in the clear. */
export async function keyBytes(key: PhotoKey, options: KeyOptions = {}): Promise<Uint8Array> {
  const { precision = 'float32', ...encryption } = options
  if (key.faces.length === 0) throw new Error('writeKey: expected the key of at least one face, found none')
  if (key.faces.some(({ picture }) => picture !== key.picture))
    throw new Error('writeKey: expected keys of one picture, found two pictures')
  const encrypted = isEncrypting(encryption)
  const bytes = encodeKey(key, precision, encrypted)
  return encrypted ? encrypt(bytes, encryption) : bytes
}

/** The key in a file's bytes. @param name what messages call it */
export async function parseKey(file: Uint8Array, name: string, decryption: Decryption = {}): Promise<PhotoKey> {
  if (isVersion1(file)) return decodeVersion1(file, name, decryption)
  if (isAge(file)) return decodeKey(await decrypt(file, name, decryption), name)
  const key = decodeKey(file, name)
  // Anyone could have put it in the place of an encrypted one.
  if (decryption.passphrase !== undefined || (decryption.identities ?? []).length > 0)
    throw new KeyError(
      'not encrypted',
      `${name}: expected an encrypted key, found one in the clear: give no passphrase and no identity`,
    )
  return key
}
