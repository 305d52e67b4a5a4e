/** SHA-256 of files that are provided to a browser. @see checksum.ts */
import { UserError } from '../util/errors.ts'
import { readProvided } from '../util/provided-files.ts'
import { sha256Hex } from '../util/sha256.browser.ts'

export async function sha256(path: string): Promise<string> {
  return sha256Hex(await readProvided(path))
}

export async function verify(path: string, expected: string): Promise<string> {
  const found = await sha256(path)
  if (found !== expected.toLowerCase())
    throw new UserError(`${path}: expected SHA-256 ${expected}, found ${found}; provide the file again`)
  return found
}
