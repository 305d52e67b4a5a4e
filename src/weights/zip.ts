/**
 * Zip archives, zip64 included: where their entries are, so that any part of one that is not compressed can be read, and
 * entries as a whole, whose checksums (CRC-32) are compared with what was read.
 */
import { once } from 'node:events'
import { crc32, createInflateRaw } from 'node:zlib'
import yauzl from 'yauzl'
import { limit, raising } from '../util/limits.ts'
import type { Bytes } from './bytes.ts'
import { quoted, type Wrong } from './tensor-file.ts'

export interface ZipEntry {
  readonly size: number
  /** Whether its bytes in the file are not the entry's own. */
  readonly compressed: boolean
  /** Where its bytes begin in the file. */
  readonly position: () => Promise<number>
  /**
   * Looks through a stored entry.
   * @throws UserError when its checksum is another
   */
  readonly check: () => Promise<void>
  /**
   * All of the entry, unpacked.
   * @param limits on what it claims before it is unpacked
   * @throws UserError when it is larger, or not what its size and its checksum say
   */
  readonly read: (limits: ReadLimits) => Promise<Buffer<ArrayBuffer>>
}

export interface ReadLimits {
  /** Bytes. */
  readonly most: number
  /** How many times as large as in the archive it may be, where it has more than `from` bytes. */
  readonly ratio?: { readonly times: number; readonly from: number }
}

/** How much of an entry is in memory while it is looked through. */
const piece = 1 << 20

/**
 * The entries of a zip archive by name.
 * @param bound which limit its number of entries has
 * @throws UserError by `wrong` when the archive is broken or encrypted, its entries overlap, or two have one name
 */
export async function openZip(
  bytes: Bytes,
  wrong: Wrong,
  bound: 'entries' | 'tensors' = 'tensors',
): Promise<Map<string, ZipEntry>> {
  const because = (error: Error) => {
    throw wrong(error.message.replace(/\s+/g, ' '))
  }
  const archive = await yauzl.fromRandomAccessReaderPromise(new Reader(bytes), bytes.size).catch(because)
  const [count, most] = [archive.entryCount, limit(bound)]
  if (count > most)
    throw wrong(`it claims ${count} entries, more than ${most}: ${raising(bound, count)}, if that is meant`)

  const entries: yauzl.Entry[] = []
  try {
    for await (const entry of archive.eachEntry()) entries.push(entry)
  } catch (error) {
    because(error as Error)
  }
  entries.sort((a, b) => a.relativeOffsetOfLocalHeader - b.relativeOffsetOfLocalHeader)
  const localHeader = 30 // and names, which are as long as they like
  for (const [i, { fileName, compressedSize, relativeOffsetOfLocalHeader: at }] of entries.entries()) {
    const next = entries[i + 1]
    if (at + localHeader + compressedSize > (next?.relativeOffsetOfLocalHeader ?? bytes.size)) {
      throw wrong(`its entry ${quoted(fileName)} runs into ${next ? quoted(next.fileName) : "the file's end"}`)
    }
  }
  if (entries.some(entry => entry.isEncrypted())) throw wrong('it is encrypted')
  const found = new Map<string, ZipEntry>()
  for (const entry of entries) {
    if (found.has(entry.fileName)) throw wrong(`two of its entries are called ${quoted(entry.fileName)}`)
    const position = async () => {
      const { fileDataStart } = await archive.readLocalFileHeaderPromise(entry, { minimal: true }).catch(because)
      return fileDataStart
    }
    found.set(entry.fileName, {
      size: entry.uncompressedSize,
      compressed: entry.compressionMethod !== 0,
      position,
      check: async () => checkStored(bytes, entry, await position(), wrong),
      read: async limits => unpack(bytes, entry, await position(), limits, wrong),
    })
  }
  return found
}

async function checkStored(bytes: Bytes, entry: yauzl.Entry, start: number, wrong: Wrong): Promise<void> {
  let sum = 0
  for (let done = 0; done < entry.uncompressedSize; done += piece)
    sum = crc32(await bytes.read(start + done, Math.min(piece, entry.uncompressedSize - done)), sum)
  checkSum(entry, sum, wrong)
}

function checkSum({ fileName, crc32: expected }: yauzl.Entry, found: number, wrong: Wrong): void {
  const hex = (sum: number) => sum.toString(16).padStart(8, '0')
  if (found !== expected)
    throw wrong(`its entry ${quoted(fileName)} has the checksum ${hex(found)}, expected ${hex(expected)}`)
}

async function unpack(
  bytes: Bytes,
  entry: yauzl.Entry,
  start: number,
  { most, ratio }: ReadLimits,
  wrong: Wrong,
): Promise<Buffer<ArrayBuffer>> {
  const { fileName, compressedSize, uncompressedSize: size, compressionMethod } = entry
  const name = quoted(fileName)
  if (size > most) throw wrong(`its entry ${name} has ${size} bytes, more than ${most}`)
  if (ratio && size > ratio.from && size > ratio.times * compressedSize)
    throw wrong(
      `its entry ${name} is ${compressedSize} bytes that claim to be ${size}, more than ${ratio.times} times as many`,
    )
  if (compressionMethod === 0) {
    if (size !== compressedSize) throw wrong(`its entry ${name} has ${compressedSize} bytes, expected ${size}`)
    const stored = await bytes.read(start, size)
    checkSum(entry, crc32(stored), wrong)
    return stored
  }
  if (compressionMethod !== 8) throw wrong(`its entry ${name} is compressed by method ${compressionMethod}`)
  // Memory is taken as it is written to: an entry that claims more than it has costs what it has.
  const whole = Buffer.allocUnsafeSlow(size)
  let [end, sum] = [0, 0]
  const inflate = createInflateRaw()
  const done = once(inflate, 'end')
  inflate.on('data', (chunk: Buffer) => {
    if (end + chunk.length > size) return void inflate.destroy(new Error(`it goes on after ${size} bytes`))
    chunk.copy(whole, end)
    end += chunk.length
    sum = crc32(chunk, sum)
  })
  const feed = async () => {
    for (let at = 0; at < compressedSize && !inflate.destroyed; at += piece) {
      const part = await bytes.read(start + at, Math.min(piece, compressedSize - at))
      if (!inflate.write(part)) await Promise.race([once(inflate, 'drain'), done])
    }
    inflate.end()
  }
  await Promise.all([done, feed()]).catch((error: Error) => {
    inflate.destroy()
    throw wrong(`its entry ${name} cannot be unpacked: ${error.message}`)
  })
  if (end !== size) throw wrong(`its entry ${name} has ${end} bytes, expected ${size}`)
  checkSum(entry, sum, wrong)
  return whole
}

/** What yauzl reads from; a range outside of the file is an error like any other. */
class Reader extends yauzl.RandomAccessReader {
  readonly #bytes: Bytes

  constructor(bytes: Bytes) {
    super()
    this.#bytes = bytes
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null) => void,
  ): void {
    this.#bytes.read(position, length).then(
      bytes => {
        bytes.copy(buffer, offset)
        callback(null)
      },
      (error: Error) => callback(error),
    )
  }

  override _readStreamForRange(): never {
    throw new Error('entries are read by their ranges, not as streams')
  }
}
