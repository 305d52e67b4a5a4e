/**
 * Rows of numbers on disk by key, one file a feature: a file only grows, record after record of the key (32 bytes), the
 * length (uint32) and the numbers (float32), all little-endian. Rows are read when they are asked for, so that memory does
 * not grow with what was ever computed.
 */

import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { makeFolder } from '../../util/atomic-write.ts'
import { withLock } from '../../util/lock.ts'
import { oncePer } from '../../util/memoize.ts'
import { sha256 } from '../../weights/checksum.ts'

const headBytes = 36

/** The rows of one feature. */
export class FeatureTable {
  private constructor(
    private readonly file: FileHandle,
    private readonly places: Map<string, { offset: number; count: number }>,
  ) {}

  /** Opens the table at `path`, which need not be there yet. What a crash left of a record is cut off. */
  static async open(path: string): Promise<FeatureTable> {
    const file = await open(path, 'a+')
    const places = new Map<string, { offset: number; count: number }>()
    const { size } = await file.stat()
    const head = Buffer.alloc(headBytes)
    let end = 0
    while (end + headBytes <= size) {
      await file.read(head, 0, headBytes, end)
      const count = head.readUInt32LE(32)
      const next = end + headBytes + 4 * count
      if (next > size) break
      places.set(head.toString('hex', 0, 32), { offset: end + headBytes, count })
      end = next
    }
    if (end < size) await file.truncate(end)
    return new FeatureTable(file, places)
  }

  has(key: string): boolean {
    return this.places.has(key)
  }

  /** @throws Error when there is no such row */
  async get(key: string): Promise<Float32Array> {
    const place = this.places.get(key)
    if (!place) throw new Error(`FeatureTable: no row ${key}`)
    const row = new Float32Array(place.count)
    await this.file.read(new Uint8Array(row.buffer), 0, row.byteLength, place.offset)
    return row
  }

  /** Adds rows at the end, in one write. */
  async add(rows: readonly (readonly [key: string, row: Float32Array])[]): Promise<void> {
    if (rows.length === 0) return
    const { size } = await this.file.stat()
    const parts: Uint8Array[] = []
    let offset = size
    for (const [key, row] of rows) {
      const head = Buffer.alloc(headBytes)
      head.write(key, 'hex')
      head.writeUInt32LE(row.length, 32)
      parts.push(head, new Uint8Array(row.buffer, row.byteOffset, row.byteLength))
      this.places.set(key, { offset: offset + headBytes, count: row.length })
      offset += headBytes + row.byteLength
    }
    await this.file.appendFile(Buffer.concat(parts))
  }

  async close(): Promise<void> {
    await this.file.close()
  }
}

/** The tables of a folder, opened as they are asked for. */
export class FeatureCache {
  private readonly opened: FeatureTable[] = []

  private readonly openTable = oncePer(async (name: string) => {
    const table = await FeatureTable.open(join(this.folder, name))
    this.opened.push(table)
    return table
  })

  private constructor(private readonly folder: string) {}

  static async open(folder: string): Promise<FeatureCache> {
    await makeFolder(folder)
    return new FeatureCache(folder)
  }

  /** The table of a feature on these weights. */
  table(feature: string, checksum: string): Promise<FeatureTable> {
    return this.openTable(`${feature}-${checksum.slice(0, 12)}.rows`)
  }

  async close(): Promise<void> {
    for (const table of this.opened) await table.close()
  }
}

/**
 * Does `work` with the features in `folder`, which no other process uses meanwhile: a table's places are those that its one
 * writer knows.
 * @throws UserError when another process is measuring with them
 */
export async function withFeatures<T>(folder: string, work: (cache: FeatureCache) => Promise<T>): Promise<T> {
  return withLock(join(folder, '.lock'), `measuring with the features in ${folder}`, async () => {
    const cache = await FeatureCache.open(folder)
    try {
      return await work(cache)
    } finally {
      await cache.close()
    }
  })
}

/** One checksum of several files and of whatever else a feature depends on. */
export async function checksumOf(paths: readonly string[], ...settings: readonly string[]): Promise<string> {
  const hash = createHash('sha256')
  for (const path of paths) hash.update(await sha256(path))
  for (const setting of settings) hash.update(setting)
  return hash.digest('hex')
}
