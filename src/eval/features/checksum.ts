import { createHash } from 'node:crypto'
import { sha256 } from '../../weights/checksum.ts'

/** One checksum of several files and of whatever else a feature depends on. */
export async function checksumOf(paths: readonly string[], ...settings: readonly string[]): Promise<string> {
  const hash = createHash('sha256')
  for (const path of paths) hash.update(await sha256(path))
  for (const setting of settings) hash.update(setting)
  return hash.digest('hex')
}
