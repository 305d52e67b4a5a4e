/** A file read by ranges: what every reader of weights stands on, so that a file of gigabytes costs what is asked for. */
import { constants } from 'node:buffer'
import type { FileHandle } from 'node:fs/promises'
import { UserError } from '../util/errors.ts'
import { openRegular } from '../util/regular-file.ts'

export interface Bytes {
  readonly path: string
  /** Length of the file in bytes. */
  readonly size: number
  /** The file's descriptor, for libraries that read by one. */
  readonly fd: number
  /**
   * `length` bytes from `position` on, in memory of their own, so that any typed array may lie over them.
   * @throws UserError when the file does not hold them; nothing is allocated then
   */
  read(position: number, length: number): Promise<Buffer<ArrayBuffer>>
  close(): Promise<void>
}

/** @throws UserError naming the file when it cannot be opened or is no file */
export async function openBytes(path: string): Promise<Bytes> {
  const cannotRead = (error: Error) => {
    throw error instanceof UserError ? error : new UserError(`cannot read ${path}: ${error.message}`)
  }
  const { file, size } = await openRegular(path).catch(cannotRead)
  return {
    path,
    size,
    fd: file.fd,
    read: (position, length) => readRange(file, path, size, position, length).catch(cannotRead),
    close: () => file.close(),
  }
}

async function readRange(file: FileHandle, path: string, size: number, position: number, length: number) {
  if (position + length > size) {
    throw new UserError(`${path} has ${size} bytes, expected ${position + length} or more: fetch it again`)
  }
  if (length > constants.MAX_LENGTH) {
    throw new UserError(`${path}: ${length} bytes at once are more than the ${constants.MAX_LENGTH} that Node holds`)
  }
  const bytes = Buffer.allocUnsafeSlow(length)
  for (let done = 0; done < length; ) {
    // A single read is limited to 2 GiB.
    const { bytesRead } = await file.read(bytes, done, Math.min(length - done, 1 << 30), position + done)
    if (bytesRead === 0) throw new UserError(`${path} ended while it was read: fetch it again`)
    done += bytesRead
  }
  return bytes
}
