import { createHash } from 'node:crypto'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { makeFolder, writeJsonAtomic } from '../atomic.ts'
import type { FaceEntry, FaceIndex } from './face-store.ts'

/** Writes a face store into a folder beside its final place, and moves it there when it is whole. */
export class StoreWriter {
  private readonly entries: FaceEntry[] = []
  private readonly hash = createHash('sha256')

  private constructor(
    private readonly folder: string,
    private readonly size: number,
    private readonly file: FileHandle,
  ) {}

  static async create(folder: string, size: number): Promise<StoreWriter> {
    const partial = `${folder}.partial`
    await rm(partial, { recursive: true, force: true })
    await makeFolder(partial)
    return new StoreWriter(folder, size, await open(join(partial, 'faces.u8'), 'w'))
  }

  /** @param data [size, size, 3] */
  async add(entry: FaceEntry, data: Uint8Array): Promise<void> {
    await this.file.writeFile(data)
    this.hash.update(data)
    this.entries.push(entry)
  }

  async finish(): Promise<void> {
    await this.file.close()
    const index: FaceIndex = { size: this.size, sha256: this.hash.digest('hex'), entries: this.entries }
    await writeJsonAtomic(join(`${this.folder}.partial`, 'index.json'), index)
    await rm(this.folder, { recursive: true, force: true })
    await rename(`${this.folder}.partial`, this.folder)
  }
}
