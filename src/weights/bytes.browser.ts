/** A file that is provided to a browser, read by ranges. @see bytes.ts */
import { UserError } from '../util/errors.ts'
import { readProvided } from '../util/provided-files.ts'

export interface Bytes {
  readonly path: string
  readonly size: number
  read(position: number, length: number): Promise<Uint8Array<ArrayBuffer>>
  close(): Promise<void>
}

export async function openBytes(path: string): Promise<Bytes> {
  const bytes = await readProvided(path)
  return {
    path,
    size: bytes.length,
    async read(position, length) {
      if (position + length > bytes.length)
        throw new UserError(`${path} has ${bytes.length} bytes, expected ${position + length} or more: fetch it again`)
      return bytes.slice(position, position + length)
    },
    close: async () => {},
  }
}
