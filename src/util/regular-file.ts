/**
 * Reads files that a person names, or that a file of others names: only regular ones, and only up to a size. A named pipe
 * would be waited for without end, and a device read without end.
 */
import { constants, openSync, type Stats } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'
import { Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { limit } from './limits.ts'

/** Most bytes of a text (JSON, lists) unless its reader says otherwise. */
export const mostText = () => limit('text') * 2 ** 20

export interface RegularFile {
  readonly file: FileHandle
  /** In bytes. */
  readonly size: number
}

/**
 * Opens a regular file, or a link to one, for reading; the caller closes it.
 * @throws NodeJS.ErrnoException as `fs.open`; with code ENOTREG, and a message that says what it is, for anything else
 */
export async function openRegular(path: string): Promise<RegularFile> {
  // Without O_NONBLOCK a named pipe is opened when somebody writes to it, and not before.
  const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
  const stats = await file.stat()
  if (stats.isFile()) return { file, size: stats.size }
  await file.close()
  throw coded('ENOTREG', `it is ${kindOf(stats)}, not a regular file`)
}

/**
 * The bytes of a regular file.
 * @param most bytes that are read; a larger file is refused before any of it is
 * @throws NodeJS.ErrnoException as `openRegular`; with code EFBIG for a larger file
 */
export async function readRegular(path: string, most: number): Promise<Buffer<ArrayBuffer>> {
  const { file, size } = await openRegular(path)
  try {
    if (size > most) throw coded('EFBIG', `it has ${size} bytes, more than ${most}`)
    // Not `file.readFile`, which reads on when the file grows.
    const bytes = Buffer.allocUnsafeSlow(size)
    let done = 0
    while (done < size) {
      const { bytesRead } = await file.read(bytes, done, Math.min(size - done, 1 << 30), done)
      if (bytesRead === 0) break
      done += bytesRead
    }
    return bytes.subarray(0, done)
  } finally {
    await file.close()
  }
}

/** The text of a regular file in UTF-8, of `mostText` bytes by default. @throws as `readRegular` */
export async function readRegularText(path: string, most = mostText()): Promise<string> {
  return (await readRegular(path, most)).toString('utf8')
}

/** Most bytes of a secret, and milliseconds in which a pipe must have given it. */
const [mostSecret, patience] = [1 << 16, 9_000]

/**
 * The text of a small file that holds a secret, which may also come through a pipe, as from the shell's `<(command)`.
 * @throws NodeJS.ErrnoException as `readRegular`; with code ETIMEDOUT when a pipe gives no end
 */
export async function readSecretText(path: string): Promise<string> {
  if (!(await stat(path)).isFIFO()) return readRegularText(path, mostSecret)
  const pipe = new Socket({ fd: openSync(path, constants.O_RDONLY | constants.O_NONBLOCK), readable: true })
  let length = 0
  pipe.on('data', ({ length: more }: Buffer) => {
    length += more
    if (length > mostSecret) pipe.destroy(coded('EFBIG', `it has more than ${mostSecret} bytes`))
  })
  const timer = setTimeout(() => pipe.destroy(coded('ETIMEDOUT', `it gave no end in ${patience} ms`)), patience)
  return text(pipe).finally(() => clearTimeout(timer))
}

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return 'a folder'
  if (stats.isFIFO()) return 'a named pipe'
  if (stats.isSocket()) return 'a socket'
  return 'a device'
}

function coded(code: string, message: string): NodeJS.ErrnoException {
  return Object.assign(new Error(message), { code })
}
