/** SHA-256 of bytes in memory, where there is no OpenSSL. @see sha256.ts */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'

export function sha256Of(...parts: readonly (string | Uint8Array)[]): Uint8Array {
  const hash = sha256.create()
  for (const part of parts) hash.update(typeof part === 'string' ? utf8ToBytes(part) : part)
  return hash.digest()
}

export function sha256Hex(...parts: readonly (string | Uint8Array)[]): string {
  return bytesToHex(sha256Of(...parts))
}
