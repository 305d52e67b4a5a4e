/** The sources of native/kernels.wasm, and the note of them that it carries: whether it was compiled from those that are there. */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Name of the section of the compiled file that holds the checksum. */
export const sourcesSection = 'sources'

/**
 * SHA-256 over names and texts of all that the compiler reads, headers, but for TensorFlow's, and wasm.cc, and of what says how it
 * is called.
 * @param root of the repository
 */
export function sourcesChecksum(root: string): string {
  const folder = join(root, 'native')
  const hash = createHash('sha256')
  for (const file of ['native-wasm.ts', 'native-requirements-wasm.txt'])
    hash.update(readFileSync(join(root, 'scripts', file)))
  const isRead = (file: string) => (file.endsWith('.h') && file !== 'tensorflow-call.h') || file === 'wasm.cc'
  for (const file of readdirSync(folder).filter(isRead).sort())
    hash.update(`${file}\n`).update(readFileSync(join(folder, file)))
  return hash.digest('hex')
}

/** A section that engines ignore: its number, 0, then lengths and contents of all of it and of its name. */
export function customSection(name: string, text: string): Buffer {
  const sized = (bytes: Buffer) => Buffer.concat([leb128(bytes.length), bytes])
  return Buffer.concat([Buffer.from([0]), sized(Buffer.concat([sized(Buffer.from(name)), Buffer.from(text)]))])
}

/** Seven bits a byte, the lowest first; all but the last have the eighth. */
function leb128(value: number): Buffer {
  const digits = [value & 127]
  for (let rest = value >> 7; rest > 0; rest >>= 7) {
    digits[digits.length - 1]! |= 128
    digits.push(rest & 127)
  }
  return Buffer.from(digits)
}
