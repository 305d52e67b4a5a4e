/** Zip archives, zip64 included: where their entries are, so that any part of one that is not compressed can be read. */
import yauzl from 'yauzl'
import type { Bytes } from './bytes.ts'
import { quoted, type Wrong } from './tensor-file.ts'

export interface ZipEntry {
  readonly size: number
  /** Whether its bytes in the file are not the entry's own. */
  readonly compressed: boolean
  /** Where its bytes begin in the file. */
  readonly position: () => Promise<number>
}

/** Far above any checkpoint's. */
const maximumEntries = 100_000

/**
 * The entries of a zip archive by name.
 * @throws UserError by `wrong` when the archive is broken or encrypted, or its entries overlap
 */
export async function openZip(bytes: Bytes, wrong: Wrong): Promise<Map<string, ZipEntry>> {
  const because = (error: Error) => {
    throw wrong(error.message.replace(/\s+/g, ' '))
  }
  const archive = await yauzl.fromRandomAccessReaderPromise(new Reader(bytes), bytes.size).catch(because)
  if (archive.entryCount > maximumEntries) throw wrong(`it claims ${archive.entryCount} entries`)

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
  return new Map(
    entries.map(entry => [
      entry.fileName,
      {
        size: entry.uncompressedSize,
        compressed: entry.compressionMethod !== 0,
        position: async () => {
          const { fileDataStart } = await archive.readLocalFileHeaderPromise(entry, { minimal: true }).catch(because)
          return fileDataStart
        },
      },
    ]),
  )
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
