/** SHA-256 of bytes in memory, by OpenSSL: many times as fast as in JavaScript. sha256.browser.ts is its other half. */
import { createHash } from 'node:crypto'

/** SHA-256 of parts, one after another: text counts as UTF-8. */
export function sha256Of(...parts: readonly (string | Uint8Array)[]): Uint8Array {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

/** The same in hexadecimal. */
export function sha256Hex(...parts: readonly (string | Uint8Array)[]): string {
  return Buffer.from(sha256Of(...parts)).toString('hex')
}
